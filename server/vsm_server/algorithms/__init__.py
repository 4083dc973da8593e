"""Pure numbers: functions of floats and arrays, one file a method."""
