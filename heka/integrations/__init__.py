"""Other logging libraries to Heka; each module needs the library that it is named after."""
