-- Many clients at once, of a server that echoes.
--
--   clients.lua starved PORT COUNT     more than there are descriptors for
--   clients.lua verify PORT COUNT      all of them wait in `verify`; "answer" on standard input answers
--
-- Prints "WAITING" when all wait, then "NAME n" for each way in which they have ended: "served", or the code of the one
-- error; "twice" is how many were told more than once. Then one after the other is served, and it ends by itself.
local uv = require "luv"
local tls = require "tls"
local read = require("spec.support.program").read

local mode, port, count = arg[1], tonumber(arg[2]), tonumber(arg[3])
local AFTERWARDS = 5

local ends, left, waiting = { twice = 0 }, count, {}
local stdin = uv.new_pipe(false)

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
  io.stdout:flush()
end

local options = { port = port, host = "127.0.0.1", servername = "localhost", ca = read "ca.crt" }
if mode == "verify" then
  function options.verify(_, _, callback)
    waiting[#waiting + 1] = callback
    if #waiting == count then say "WAITING" end
  end
end

local function note(name) ends[name] = (ends[name] or 0) + 1 end

-- Calls `done(how)` when one client has ended.
local function visit(done)
  local how, closed, socket
  socket = tls.connect(options, function() socket:write "hello" end)
  socket:on("data", function(data)
    how = data == "hello" and "served" or data
    socket:finish()
  end)
  socket:on("error", function(err)
    if how then note "twice" end
    how = err.code
  end)
  socket:on("close", function()
    if closed then note "twice" end
    closed = true
    done(how or "silence")
  end)
end

local function afterwards(n)
  if n == 0 then return say("afterwards", AFTERWARDS) end
  visit(function(how)
    if how ~= "served" then return say("afterwards", how) end
    afterwards(n - 1)
  end)
end

local function on_end(how)
  note(how)
  left = left - 1
  if left > 0 then return end
  for name, n in pairs(ends) do say(name, n) end
  options.verify = nil
  if not stdin:is_closing() then stdin:close() end
  afterwards(AFTERWARDS)
end

stdin:open(0)
stdin:read_start(function()
  for _, callback in ipairs(waiting) do callback() end
end)
for _ = 1, count do visit(on_end) end
uv.run()
