"""Forecourt as `forecourt.py` serves it, with the budgets that an installation has by default."""

from bench.reads.ways.forecourt import main
from forecourt.settings import Settings

#: What a caller may spend.
BUDGETS = {name: Settings.model_fields[name].default for name in ("budget_app_store", "budget_app", "budget_group")}

if __name__ == "__main__":
    main(**BUDGETS)
