-- Some 50 odd values, each with a name, for hard/api.
local uv = require "luv"

local function throwing(name)
  return setmetatable({}, { [name] = function() error("from " .. name, 0) end })
end

local self_containing = {}
self_containing[1] = self_containing

local VALUES = {
  { "nil", nil }, { "true", true }, { "false", false }, { "0", 0 }, { "1", 1 }, { "-1", -1 }, { "1.5", 1.5 },
  { "-0.0", -0.0 }, { "65536", 65536 }, { "2^31", 2 ^ 31 }, { "2^32", 2 ^ 32 }, { "2^53", 2 ^ 53 },
  { "2^63", 2 ^ 63 }, { "-2^63", -2 ^ 63 }, { "1e300", 1e300 }, { "-1e300", -1e300 }, { "5e-324", 5e-324 },
  { "huge", math.huge }, { "-huge", -math.huge }, { "nan", 0 / 0 },
  { '""', "" }, { '"x"', "x" }, { '"1"', "1" }, { '"-1"', "-1" }, { '"0x10"', "0x10" }, { '" "', " " },
  { '"\\0"', "\0" }, { '"a\\0b"', "a\0b" }, { '"\\n"', "\n" }, { '"%s%n"', "%s%n" }, { '"\\255"', "\255" },
  { '"../x"', "../x" }, { "70000 bytes", ("x"):rep(70000) }, { "65535 zeros", ("\0"):rep(65535) },
  { '"-----BEGIN X-----"', "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----\n" },
  { "{}", {} }, { '{"x"}', { "x" } }, { "{1}", { 1 } }, { "{{}}", { {} } }, { "{x=1}", { x = 1 } },
  { "{false}", { false } }, { "{nil, 1}", { nil, 1 } }, { "{[1.5]=1}", { [1.5] = 1 } },
  { "{{{...}}}", self_containing },
  { "__index throws", throwing "__index" }, { "__tostring throws", throwing "__tostring" },
  { "__metatable", setmetatable({}, { __metatable = "hidden" }) },
  { "__call", setmetatable({}, { __call = function() end }) },
  { "function", function() end },
  { "C function", print }, { "coroutine", coroutine.create(function() end) }, { "file", io.stderr },
  { "timer", uv.new_timer() },
}
VALUES[#VALUES][2]:unref()

return VALUES
