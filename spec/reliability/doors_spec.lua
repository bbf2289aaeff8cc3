-- Doors: where our code, or luv, calls a function of the user's. An error that leaves one is told as text, once, with
-- the place where it was thrown, whatever it is and in every host. luv 1.44 prints "(null)" for what is no string, and
-- Neovim crashes.
require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

local build = luas.this.build

local function of_nvim() return "nvim --headless -u NONE -c 'luafile spec/support/thrower.lua' -c 'qa!'" end

local HOSTS = {}
for i, lua in ipairs(luas.in_nvim and {} or luas.list) do
  HOSTS[i] = { name = lua.name, here = lua.here, status = 255, before = "^Uncaught Error: ", most = 1,
    cpath = lua.cpath, finalizers = lua.name == "luajit" }
end
if luas.is_default or luas.in_nvim then
  -- it adds a traceback of its own, in which there is nothing; its words are "Error executing luv callback", and since
  -- 0.12 "Lua callback"
  HOSTS[#HOSTS + 1] = { name = "nvim", here = luas.nvim.here, status = 0,
    before = "\n[%a ]* ?[Ll]u[av] callback:\n", most = 2, cpath = luas.nvim.cpath, command = of_nvim }
end

-- What the program prints, with N for numbers of lines, and its status.
local function run(host, door, value)
  local command = host.command and host.command() or host.name .. " spec/support/thrower.lua"
  local env = ("TLS_CERTS=%s 'THROW=%s,%s'"):format(certs.dir, door, value)
  if host.cpath then
    env = env .. (" LD_PRELOAD= 'LUA_PATH=lua/?.lua;lua/?/init.lua;;' 'LUA_CPATH=%s'"):format(host.cpath)
  end
  local p = assert(io.popen(("env %s timeout 30 %s 2>&1; echo \" status $?\""):format(env, command)))
  local text = p:read "*a"
  p:close()
  local output, status = text:match "^(.*) status (%d+)\n$"
  return output:gsub("%.lua:%d+", ".lua:N"):gsub("\r", ""), tonumber(status)
end

local OURS = 'spec/support/thrower.lua:N: The "options" or "port" or "path" argument must be specified '
  .. "[ERR_MISSING_ARGS]"

local VALUES = {
  ours = OURS, theirs = "text of theirs", fields = "text of a field [CODE]", silent = "(error object is a table value)",
  table = "(error object is a table value)", string = "spec/support/thrower.lua:N: a text",
  none = "(error object is a nil value)",
  number = "42", -- LuaJIT puts the place before it
}

local WITHOUT_PLACE = { unheard = true, loop = true }

local function check(host, door, value, text)
  local output, status = run(host, door, value)
  local what = ("%s, %s:\n%s"):format(door, value, output)
  local _, before = output:find(host.before)
  assert.truthy(before, what)
  local first, rest = output:sub(before + 1):match "^([^\n]*)\nstack traceback:(\n.*)$"
  assert.truthy(first, what)
  if value == "number" then first = first:gsub("^.*: ", "") end
  assert.equal(text, first)
  if not WITHOUT_PLACE[door] then assert.truthy(rest:find("spec/support/thrower.lua:N: in ", 1, true), what) end
  local _, count = output:gsub("stack traceback:", "")
  assert.is_true(count <= host.most, what)
  assert.equal(host.status, status, what)
end

local DOORS = { "data", "data, TLS", "connection", "secureConnection", "secureConnect", "error", "close", "connect",
  "listen", "server:close", "write", "write, TLS", "end", "timeout", "wrap" }

for _, host in ipairs(HOSTS) do
  describe("an error that nobody catches, in " .. host.name .. " (" .. build .. "),", function()
    local function tell(name, fn)
      it(name, function()
        if not host.here then return pending("skipped: " .. host.name .. " is not on this machine") end
        fn()
      end)
    end

    for _, door in ipairs(DOORS) do
      tell("is told with its place when it leaves " .. door, function() check(host, door, "ours", OURS) end)
    end
    for value, text in pairs(VALUES) do
      tell("is told as text although it is " .. value, function()
        check(host, "data, TLS", value, text) -- which the core calls
        check(host, "data", value, text) -- which luv calls
        check(host, "wrap", value, text)
      end)
    end
    if host.finalizers then
      tell("is told when a finalizer throws it", function()
        local output = run(host, "finalizer", "theirs")
        if output:find "^ERROR in finalizer: text of theirs\n" then
          return pending "this LuaJIT tells of it by itself, and goes on"
        end
        check(host, "finalizer", "theirs", "text of theirs")
      end)
    end
    tell("has no place when the loop alone has called", function()
      check(host, "loop", "ours", (OURS:gsub("^.-: ", "")))
    end)
    tell("is told when it is an 'error' without a listener", function()
      check(host, "unheard", "ours", "connect ECONNREFUSED 127.0.0.1:1 (an 'error' event without a listener)")
    end)
  end)
end
