local tls = require "tls"
local uv = require "luv"

local printed
local function print(text) printed = text end
-- the fragment
uv.run()
assert(printed == tls.getCiphers()[1])
