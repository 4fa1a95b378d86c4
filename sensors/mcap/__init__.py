"""Our own log: MCAP with profile ros2, every channel cdr and ros2msg, readable by anybody's tools."""
