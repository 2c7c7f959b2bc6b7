"""Store checks: what every store of durable runs has to do, as functions that raise an `AssertionError` if it doesn't.

Each is given a function that makes a handle on one and the same store, which is empty at first, and not open. It's
called again for a second handle, as another process would have it. (A store that has one handle only gives it again,
and is opened again then.) Time is numbers: no check waits.

```python
@pytest.mark.anyio
@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
async def test_my_store(check, tmp_path):
    await check(lambda: MyStore(tmp_path / "runs"))
```
"""

from .checking import StoreCheck as StoreCheck
from .content import CONTENT_CHECKS
from .lists import LIST_CHECKS
from .messages import MESSAGE_CHECKS
from .owners import OWNER_CHECKS

STORE_CHECKS: tuple[StoreCheck, ...] = (*CONTENT_CHECKS, *OWNER_CHECKS, *LIST_CHECKS, *MESSAGE_CHECKS)
"""Every check of what a store does."""
