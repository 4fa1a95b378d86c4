"""What is learnt from and measured on: folders, tables and logs, as items that belong together."""
