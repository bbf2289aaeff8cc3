std = "max" -- what Lua 5.1 to 5.4 and LuaJIT have
max_line_length = 120
self = false
files["spec"] = { std = "max+busted" }
