"""Files in and out: glTF 2.0 and binary FBX, and what engines are told about them."""
