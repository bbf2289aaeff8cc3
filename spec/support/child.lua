-- A child process on the loop: its output is collected, and it is ended by its
-- own handle.
local helper = require "spec.helper"
local luas = require "spec.support.luas"
local uv = require "luv"

local Child = {}
Child.__index = Child

-- The exit may be told before the last of the output is read.
local function part_done(self)
  self.parts = self.parts - 1
  if self.parts == 0 and self.on_exit then self.on_exit(self.status, self.output, self.signal) end
end

local function collect(self, pipe)
  pipe:read_start(function(_, data)
    if not data then
      pipe:close()
      return part_done(self)
    end
    self.output = self.output .. data
    if self.on_output then self.on_output(self.output) end
  end)
end

-- Programs that are, or that start, a Lua with our core.
local OURS = { [luas.this.name] = true, sh = true, script = true }

-- Others may start one as well, for whom no sanitizer is preloaded: they get a core without.
local PLAIN = luas.this.build ~= luas.this.plain_build and ("%s/%s/?.so;;"):format(uv.cwd(), luas.this.plain_build)

local function cpath(value, ours, jit)
  if jit then return luas.jit.cpath end
  return not ours and PLAIN or value
end

-- Beside another Lua, LuaJIT has a core of its own, also where a shell starts it.
local function starts_luajit(command)
  return (" " .. table.concat(command, " ") .. " "):find "[%s/]luajit%s" ~= nil
end

--- @param command string[] the program and its arguments
--- @param on_exit? fun(status, output, signal) when it has ended
--- @param more? table handles that become its descriptors 3, 4, ...; limit_ms (60000): then it is ended; leaks: a
---   sanitizer looks for them at its end, which only a program that ends by itself can pass; env: more of "NAME=value"
function Child.spawn(command, on_exit, more)
  more = more or {}
  local self = setmetatable({ output = "", parts = 3, on_exit = on_exit }, Child)
  local stdin, out, err = uv.new_pipe(false), uv.new_pipe(false), uv.new_pipe(false)
  local args, env = {}, {}
  for i = 2, #command do args[#args + 1] = command[i] end
  local jit = luas.this.name ~= "luajit" and starts_luajit(command)
  local ours = OURS[command[1]] and not jit -- a sanitizer is preloaded for our own core alone
  for name, value in pairs(uv.os_environ()) do
    if name == "LUA_CPATH" then value = cpath(value, ours, jit) end
    if name == "ASAN_OPTIONS" and not more.leaks then value = value .. ":detect_leaks=0" end
    if ours or name ~= "LD_PRELOAD" then env[#env + 1] = name .. "=" .. value end
  end
  self.stdin = stdin
  for _, setting in ipairs(more.env or {}) do env[#env + 1] = setting end
  local stdio = { stdin, out, err, (table.unpack or unpack)(more) }
  self.handle = uv.spawn(command[1], { args = args, stdio = stdio, env = env },
    function(status, signal)
      self.handle:close()
      self.timer:close()
      if not stdin:is_closing() then stdin:close() end
      self.status, self.signal = status, signal
      part_done(self)
    end)
  if not self.handle then
    stdin:close() out:close() err:close()
    return nil
  end
  uv.update_time()
  self.timer = uv.new_timer()
  self.timer:start(more.limit_ms or 60000 * helper.slow, 0, function() self:stop() end)
  self.timer:unref()
  collect(self, out)
  collect(self, err)
  return self
end

function Child:stop()
  if not self.handle:is_closing() then self.handle:kill "sigkill" end
end

function Child:write(text)
  self.stdin:write(text)
end

--- Call 'fn' once, when 'pattern' is in the output. It has to come: helper.run fails where it does not.
function Child:when(pattern, fn)
  fn = helper.expect(fn)
  self.on_output = function(output)
    if not output:find(pattern) then return end
    self.on_output = nil
    fn(output)
  end
  self.on_output(self.output)
end

--- Call 'fn(port)' once, when "ACCEPT 127.0.0.1:PORT" is in the output, as of `openssl s_server -accept 127.0.0.1:0`.
function Child:when_accepting(fn)
  self:when("ACCEPT [%d.]+:%d+\n", function(output) fn(tonumber(output:match "ACCEPT [%d.]+:(%d+)\n")) end)
end

return Child
