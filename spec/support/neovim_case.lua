-- A program for Neovim, as plugins are: the loop is Neovim's, and runs already.
--
--   CASE=name TLS_CERTS=folder nvim --headless -u NONE -c 'luafile spec/support/neovim_case.lua'
--
-- Prints what has happened, and behind "messages:" what Neovim shows as `:messages`. PORT is that of a server which
-- answers each line with it reversed.
local read = require("spec.support.program").read
local vim = rawget(_G, "vim")
local uv = vim.uv or vim.loop
local tls = require "tls"

local case = os.getenv "CASE"
local finished = false

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
  io.stdout:flush()
end

local function finish()
  finished = true
end

local function later(ms, fn)
  local timer = uv.new_timer()
  timer:start(ms, 0, function()
    timer:close()
    fn()
  end)
end

local function new_server(module)
  return module.createServer({ key = read "ecdsa.key", cert = read "ecdsa.crt" }, function(socket)
    socket:on("error", function() end)
    socket:pipe(socket)
  end)
end

local function connect(module, port)
  return module.connect { port = port, host = "127.0.0.1", servername = "localhost", ca = read "ca.crt" }
end

-- An open connection to an echo server.
local function open(module, ready)
  local server = new_server(module)
  server:listen(0, "127.0.0.1", function()
    local client = connect(module, server:address().port)
    client:on("secureConnect", function() ready(client, server) end)
  end)
end

-- What comes back for a text, once.
local function echo(client, text, done)
  client:once("data", function(data)
    say("echoed", data)
    done()
  end)
  client:write(text)
end

local function close(client, server)
  client:on("close", function() server:close(finish) end)
  client:finish()
end

local CASES = {}

function CASES.serve()
  local server = new_server(tls)
  server:on("secureConnection", function(socket)
    socket:on("close", function() server:close(finish) end)
  end)
  server:listen(0, "127.0.0.1", function() say("port", server:address().port) end)
end

function CASES.connect()
  local client = connect(tls, tonumber(os.getenv "PORT"))
  client:on("data", function(data)
    say("answered", (data:gsub("\n", "")))
    client:finish()
  end)
  client:on("close", finish)
  client:write "hello\n"
end

function CASES.timer()
  later(1, function()
    say("fast", tostring(vim.in_fast_event()))
    open(tls, function(client, server)
      echo(client, "one", function() close(client, server) end)
    end)
  end)
end

function CASES.coroutine()
  coroutine.wrap(function()
    local this = coroutine.running()
    local function resume(...) assert(coroutine.resume(this, ...)) end
    local server = new_server(tls)
    server:listen(0, "127.0.0.1", resume)
    coroutine.yield()
    local client = connect(tls, server:address().port)
    client:on("secureConnect", resume)
    coroutine.yield()
    for _, text in ipairs { "one", "two" } do
      client:once("data", resume)
      client:write(text)
      say("echoed", coroutine.yield())
    end
    close(client, server)
  end)()
end

-- Something is thrown in a listener; the connection goes on.
local function throwing(throw)
  return function()
    open(tls, function(client, server)
      client:once("data", function()
        later(0, function() echo(client, "two", function() close(client, server) end) end)
        throw()
      end)
      client:write "one"
    end)
  end
end

CASES.mistake = throwing(function() error "a mistake in a listener" end)
CASES.forbidden = throwing(function() vim.api.nvim_buf_set_lines(0, 0, -1, false, { "text" }) end)
CASES.waiting = throwing(function() vim.wait(10, function() return false end) end)

function CASES.scheduled()
  open(tls, function(client, server)
    client:on("data", vim.schedule_wrap(function(data)
      vim.api.nvim_buf_set_lines(0, 0, -1, false, { data })
      say("buffer", vim.api.nvim_buf_get_lines(0, 0, -1, false)[1])
      close(client, server)
    end))
    client:write "one"
  end)
end

-- A loop inside a callback drives this connection, too.
function CASES.nested()
  open(tls, function(client, server)
    vim.schedule(function()
      local got = false
      echo(client, "one", function() got = true end)
      say("waited", tostring((vim.wait(5000, function() return got end))))
      echo(client, "two", function() close(client, server) end)
    end)
  end)
end

local function forget(keep)
  for name in pairs(package.loaded) do
    if (name == "tls" or name:find "^tls%.") and name ~= keep then package.loaded[name] = nil end
  end
end

-- A plugin manager loads the plugin again while its connections are open.
local function reloading(keep)
  return function()
    open(tls, function(old, old_server)
      forget(keep)
      local new_tls = require "tls"
      say("the same module", tostring(new_tls == tls))
      open(new_tls, function(client, server)
        echo(client, "new", function()
          client:on("close", function()
            server:close(function()
              echo(old, "old", function() close(old, old_server) end)
            end)
          end)
          client:finish()
        end)
      end)
    end)
  end
end

CASES.reload = reloading()
CASES.reload_lua = reloading "tls.core"

local function quit() vim.cmd "qa!" end

function CASES.quit_open()
  open(tls, function() vim.schedule(quit) end)
end

function CASES.quit_blocked()
  open(tls, function(client)
    client:pause()
    for _ = 1, 100 do client:write(("x"):rep(100000)) end
    vim.schedule(quit)
  end)
end

function CASES.quit_handshake()
  local listener = uv.new_tcp()
  listener:bind("127.0.0.1", 0)
  listener:listen(8, function()
    local peer = uv.new_tcp()
    listener:accept(peer)
    vim.schedule(quit)
  end)
  connect(tls, listener:getsockname().port)
end

function CASES.quit_reloaded()
  open(tls, function()
    forget()
    open(require "tls", function() vim.schedule(quit) end)
  end)
end

local ok, err = pcall(CASES[case])
if not ok then say("failed:", tostring(err)) end
vim.wait(ok and 20000 or 0, function() return finished end)
if not finished then say "never finished" end
io.stdout:write("messages:", vim.fn.execute "messages", "\n")
io.stdout:flush()
vim.cmd "qa!"
