"""A workflow's graph as data: steps, events, the human, resources, and the edges between them."""

from .activity import RunActivity as RunActivity
from .activity import StepActivity as StepActivity
from .building import event_id as event_id
from .building import get_workflow_representation as get_workflow_representation
from .building import step_id as step_id
from .graph import WorkflowGraph as WorkflowGraph
from .nodes import WorkflowEventNode as WorkflowEventNode
from .nodes import WorkflowExternalNode as WorkflowExternalNode
from .nodes import WorkflowGenericNode as WorkflowGenericNode
from .nodes import WorkflowGraphEdge as WorkflowGraphEdge
from .nodes import WorkflowGraphNode as WorkflowGraphNode
from .nodes import WorkflowNodeBase as WorkflowNodeBase
from .nodes import WorkflowResourceConfigNode as WorkflowResourceConfigNode
from .nodes import WorkflowResourceNode as WorkflowResourceNode
from .nodes import WorkflowStepNode as WorkflowStepNode
