"""Runtime checks: what durable runs have to do on any store, seen from outside.

They're for authors of stores, as the store checks are, and for those who carry runs in another way: each goes through
`Runtime(store=...)` alone, with workers that are killed, answers that are delivered twice, and two that resume one run.
A check is given a function that makes a handle on one and the same store, empty at first.

```python
@pytest.mark.anyio
@pytest.mark.parametrize("check", RUNTIME_CHECKS, ids=lambda check: check.__name__)
async def test_runs_in_my_store(check, tmp_path):
    await check(lambda: MyStore(tmp_path / "runs"))
```
"""

from ..store_checks.checking import StoreCheck
from .carrying import CARRYING_CHECKS
from .sharing import SHARING_CHECKS

RUNTIME_CHECKS: tuple[StoreCheck, ...] = (*CARRYING_CHECKS, *SHARING_CHECKS)
"""Every check of what durable runs do on a store. They take a few seconds: leases have to pass."""
