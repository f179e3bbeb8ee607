"""`aftercart doctor`: is all there that the engine needs, and if not, what is to be done? One subject a file."""
