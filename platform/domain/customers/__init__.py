"""Customers 客户, vehicles 车辆, consent."""
