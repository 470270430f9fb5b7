this is not taken
