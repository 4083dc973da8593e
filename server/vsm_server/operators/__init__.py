"""Columns of events in, conclusions out: the only state that is changed in place."""
