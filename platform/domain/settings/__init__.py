"""Configuration 配置: values of a group and its stores, written and checked."""
