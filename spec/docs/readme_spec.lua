-- The README's server goes on when a peer resets its connection, before the handshake and behind it.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local markdown = require "spec.support.markdown"
local net = require "tls.net"
local tls = require "tls"

local LUA = os.getenv "LUA" or "lua5.4"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function block_of(name)
  for _, block in ipairs(markdown.blocks(read "README.md", "README.md")) do
    if block.argument == name then return block.text end
  end
  error("the README has no " .. name)
end

--- The program with another port and other certificates in it, as a file. Before Lua 5.2 `print` reaches a pipe late.
local function server_program()
  local text = block_of("server.lua"):gsub("server%-key%.pem", certs.rsa.key_file):gsub("server%-cert%.pem",
    certs.rsa.cert_file):gsub("listen%(8000, function%(%) print \"listening on port 8000\"",
    "listen(0, function() print('listening on port ' .. server:address().port)")
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write('io.stdout:setvbuf "no" ', text)
  file:close()
  return name
end

local function reset_before_the_handshake(port, done)
  local socket
  socket = net.connect(port, "127.0.0.1", helper.wrap(function()
    socket:write("\22\3\1", helper.wrap(function() socket:resetAndDestroy() end))
  end))
  socket:on("close", helper.expect(done))
end

local function reset_behind_it(port, done)
  local socket = tls.connect { port = port, host = "localhost", ca = certs.ca.cert }
  socket:once("data", helper.expect(function() socket:resetAndDestroy() end))
  socket:on("close", helper.expect(done))
end

local function is_served(port, done)
  local text, socket = "", nil
  socket = tls.connect({ port = port, host = "localhost", ca = certs.ca.cert }, function() socket:finish "hello\n" end)
  socket:on("data", function(data) text = text .. data end)
  socket:on("close", helper.expect(function()
    assert.equal("welcome!\nhello\n", text)
    done()
  end))
end

describe("the README's server", function()
  it("survives the reset of a peer", function()
    local name = server_program()
    local child
    child = Child.spawn({ LUA, name }, helper.expect(function() os.remove(name) end))
    child:when("listening on port %d+\n", helper.wrap(function(output)
      local port = tonumber(output:match "port (%d+)")
      reset_before_the_handshake(port, function()
        reset_behind_it(port, function()
          is_served(port, function() child:stop() end)
        end)
      end)
    end))
    helper.run(20000)
    assert.matches("ECONNRESET", child.output)
  end)
end)
