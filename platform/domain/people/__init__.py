"""Employees 员工, teams, position history."""
