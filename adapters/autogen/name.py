"""What the platform is called: apart, as the rest needs libraries that only those have who asked for them."""

NAME = "autogen"
