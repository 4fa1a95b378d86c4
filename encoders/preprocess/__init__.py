"""Arrays in memory to the tensors that ImageBind's trunks take, with the reference's numbers."""
