"""Repair orders 维修工单, labour, parts, attendance."""
