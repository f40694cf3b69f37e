"""KPIs, schemes, scorecards, the deductions ledger 扣分台账, appeals."""
