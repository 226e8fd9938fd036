"""What the states of a delivery are called; a light module, so that the command line may name them before it loads anything."""

from districtlake.wording.sentences import Named

TITLES = {
    "pending": "待处理", "done": "已入仓", "held": "暂停", "failed": "失败", "withdrawn": "已撤回", "duplicate": "重复", "superseded": "已被取代",
}  # fmt: skip


def state_named(state: str) -> Named:
    """A state for sentences."""
    return Named("delivery_state", state, TITLES[state])
