std = "max" -- what Lua 5.1 to 5.4 and LuaJIT have
max_line_length = 120
self = false
files["spec"] = { std = "max+busted" }
files["lua/tls/types/options.lua"] = { max_line_length = false } -- made by `make options`
files["spec/docs/preludes"] = { ignore = { "113", "211", "212", "221", "231", "241" } } -- a page's fragment sets and uses what these do not
