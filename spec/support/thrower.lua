-- A program of its own, in lua5.4, LuaJIT or Neovim, that throws an error where nobody catches it.
--
--   THROW=door,value lua5.4 thrower.lua
--
-- The doors are where our code, or luv's loop, calls a function of the user's. What the process prints, and its status,
-- are the host's policy for an error in luv's callbacks. TLS_CERTS is the folder of the certificates.
package.path = "./?.lua;" .. package.path
local collector = require "spec.support.collector"
local program = require "spec.support.program"
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"

local door, value = os.getenv "THROW":match "(.+),(.*)"

local silent = setmetatable({}, { __tostring = function() error "no text either" end })

local VALUES = {
  ours = function() tls.connect {} end,
  theirs = function() error(setmetatable({}, { __tostring = function() return "text of theirs" end })) end,
  fields = function() error { message = "text of a field", code = "CODE" } end,
  silent = function() error(silent) end,
  table = function() error {} end,
  string = function() error "a text" end,
  number = function() error(42) end,
  none = function() error() end,
}

local thrown = false

local function fail(...)
  thrown = true
  VALUES[value](...)
end

local function context() return { key = program.read "rsa.key", cert = program.read "rsa.crt" } end

-- A connection on the loopback. `on_server` and `on_client` get its sockets.
local function plain(on_server, on_client)
  local server
  server = net.createServer(on_server)
  server:listen(0, "127.0.0.1", function()
    local client = net.connect(server:address().port, "127.0.0.1")
    if on_client then on_client(client, server) end
  end)
end

local function secure(on_server, on_client, more)
  local options = context()
  for name, option in pairs(more or {}) do options[name] = option end
  local server = tls.createServer(options, on_server)
  server:listen(0, "127.0.0.1", function()
    local client = tls.connect { port = server:address().port, host = "127.0.0.1", servername = "localhost",
      ca = program.read "ca.crt" }
    client:on("error", function() end)
    if on_client then on_client(client, server) end
  end)
end

local function greet(socket)
  socket:on("error", function() end)
  socket:write "hello"
end

-- Before Lua 5.2 what a finalizer throws comes out of whatever has allocated. Here the collector runs it at the first
-- thing that is allocated behind a listener.
local function leave_bombs()
  collectgarbage()
  collectgarbage "stop"
  for _ = 1, 3 do program.finalized(fail) end
  collector.set_step(1000000)
  collectgarbage "restart"
end

local DOORS = {
  finalizer = function()
    secure(function(socket)
      socket:on("error", function() end)
      socket:on("data", function(data)
        socket:write(data)
        leave_bombs()
      end)
    end, function(client) client:write "x" end)
  end,
  data = function() plain(greet, function(client) client:on("data", fail) end) end,
  ["data, TLS"] = function() secure(greet, function(client) client:on("data", fail) end) end,
  connection = function() plain(fail) end,
  secureConnection = function() secure(fail) end,
  secureConnect = function() secure(greet, function(client) client:on("secureConnect", fail) end) end,
  error = function() net.connect(1, "127.0.0.1"):on("error", fail) end,
  unheard = function() net.connect(1, "127.0.0.1") end,
  close = function() net.connect(1, "127.0.0.1"):on("error", function() end):on("close", fail) end,
  connect = function() plain(greet, function(client) client:on("connect", fail) end) end,
  listen = function() net.createServer():listen(0, "127.0.0.1", fail) end,
  ["server:close"] = function()
    local server = net.createServer()
    server:listen(0, "127.0.0.1", function() server:close(fail) end)
  end,
  write = function() plain(greet, function(client) client:write("hello", fail) end) end,
  ["write, TLS"] = function() secure(greet, function(client) client:write("hello", fail) end) end,
  ["end"] = function() plain(greet, function(client) client:finish("hello", fail) end) end,
  timeout = function() plain(function() end, function(client) client:setTimeout(10, fail) end) end,
  loop = function() require("tls.support.next_tick").immediate(tls.connect, {}) end,
  wrap = function()
    local timer = uv.new_timer()
    timer:start(5, 0, tls.wrap(function(...)
      timer:close()
      fail(...)
    end))
  end,
}

local started = uv.now()
DOORS[door]()

local vim = rawget(_G, "vim")
if vim then
  vim.wait(1000, function() return thrown or (door == "unheard" or door == "loop") and uv.now() - started > 200 end)
  vim.wait(20)
  vim.cmd "qa!"
else
  uv.run()
end
