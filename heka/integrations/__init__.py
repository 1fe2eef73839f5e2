"""Send records of other logging libraries; each module needs the library it is named after."""
