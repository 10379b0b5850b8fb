"""Mediators: their register, and how a case gets one."""
