-- Who wants data before there is a connection gets it when there is one.
local helper = require "spec.helper"
local both = require "spec.support.both"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect = helper.expect

local DEMANDS = {
  ["a 'readable' listener"] = function(socket, got)
    socket:on("readable", function() got(socket:read()) end)
  end,
  ["one that is called once"] = function(socket, got)
    socket:once("readable", function() got(socket:read()) end)
  end,
  ["one beside a 'data' listener"] = function(socket, got)
    socket:on("data", got)
    socket:on("readable", function() socket:read() end)
  end,
  ["one behind pause()"] = function(socket, got)
    socket:pause()
    socket:on("readable", function() got(socket:read()) end)
  end,
}

-- What the server has sent comes to `socket`, which connect() gives a connection.
local function heard(way, make, demand)
  local text = ""
  local server
  server = way.server(nil, function(peer) peer:write "hello" end)
  server:listen(0, "127.0.0.1", function()
    local socket, connect = make(server:address().port)
    demand(socket, function(chunk)
      text = text .. (chunk or "")
      if text == "hello" then socket:destroy() end
    end)
    if connect then connect() end
    socket:on("close", expect(function() server:close() end))
    server:on(way.name == "tls" and "secureConnection" or "connection", function(peer)
      peer:on("error", function() end)
      socket:on("close", function() peer:destroy() end)
    end)
  end)
  helper.run()
  return text
end

local function ways_of(way)
  local ways = {
    connect = function(port) return way.connect(way.place(port)) end,
    ["a socket that connects later"] = function(port)
      local socket = way.Socket()
      return socket, function() socket:connect(way.place(port)) end
    end,
  }
  if way.name == "net" then return ways end
  ways["the option socket"] = function(port)
    return tls.connect { socket = net.connect(port, "127.0.0.1"), servername = "localhost", ca = certs.ca.cert }
  end
  ways.TLSSocket = function(port)
    return tls.TLSSocket(net.connect(port, "127.0.0.1"), { ca = certs.ca.cert })
  end
  return ways
end

describe("before there is a connection", function()
  both.each(function(way)
    for place, make in pairs(ways_of(way)) do
      for name, demand in pairs(DEMANDS) do
        it(name .. " counts: " .. way.name .. ", " .. place, function()
          assert.equal("hello", heard(way, make, demand))
        end)
      end

      it("read() counts, also of a paused socket: " .. way.name .. ", " .. place, function()
        for _, size in ipairs { 0, 3 } do
          local length
          assert.equal("", heard(way, make, function(socket)
            socket:pause()
            assert.is_nil(socket:read(size))
            local timer = helper.uv.new_timer()
            timer:start(5, 5, function()
              length = socket.readableLength
              if length < 5 then return end
              timer:close()
              socket:destroy()
            end)
          end))
          assert.equal(5, length)
        end
      end)
    end

    it("a listener counts for each connection of one socket: " .. way.name, function()
      local told = 0
      local server
      server = way.server(nil, function(peer)
        peer:resume()
        peer:finish "hello"
      end)
      server:listen(0, "127.0.0.1", function()
        local place = way.place(server:address().port)
        local socket = way.connect(place)
        socket:on("readable", function() if socket:read() then told = told + 1 end end)
        socket:once("close", function()
          socket:connect(place)
          socket:once("close", expect(function() server:close() end))
        end)
      end)
      helper.run()
      assert.equal(2, told)
    end)
  end)
end)

describe("a TLS socket that is paused before there is a connection", function()
  local function connection(options, on_server, on_client)
    options.key, options.cert = certs.rsa.key, certs.rsa.cert
    local server = tls.createServer(options, on_server)
    server:listen(0, "127.0.0.1", function()
      local client = tls.connect { port = server:address().port, host = "127.0.0.1", servername = "localhost",
        ca = certs.ca.cert }
      on_client(client)
      client:on("close", function() server:close() end)
    end)
    helper.run()
  end

  local function ends(socket)
    assert.is_true(socket:isPaused())
    socket:on("end", expect())
    socket:on("close", expect(function(had_error) assert.is_false(had_error) end))
  end

  it("is told the end of a peer that has sent nothing", function()
    connection({ pauseOnConnect = true }, expect(ends), function(client)
      client:resume()
      client:on("secureConnect", function() client:finish() end)
    end)
    connection({}, function(socket)
      socket:resume()
      socket:finish()
    end, function(client)
      client:pause()
      ends(client)
    end)
  end)

  it("holds what has come before the end until it is read", function()
    connection({ pauseOnConnect = true }, expect(function(socket)
      socket:on("data", function() error "it is paused" end)
      socket:on("end", function() error "it holds data" end)
      local timer = helper.uv.new_timer()
      timer:start(5, 5, helper.wrap(function()
        if socket.readableLength < 5 then return end
        timer:close()
        socket:removeAllListeners "data"
        socket:removeAllListeners "end"
        socket:on("data", expect(function(data) assert.equal("hello", data) end))
        socket:on("end", expect())
        socket:resume()
      end))
    end), function(client)
      client:resume()
      client:finish "hello"
    end)
  end)
end)
