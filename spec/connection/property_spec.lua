-- Random sequences of operations on both ends of a connection. TLS_SEED repeats a run, TLS_SEQUENCES says how many.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local Sequence = require "spec.support.sequence"
local tls = require "tls"

local uv = helper.uv
local AT_ONCE, PATIENCE = 20, 40000 -- ms

local first_seed = tonumber(os.getenv "TLS_SEED") or os.time() % 1000000 * 10000
local sequences = tonumber(os.getenv "TLS_SEQUENCES") or (helper.slow > 1 and 200 or 2000)

local options = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, allowHalfOpen = true }
local client_context = tls.createSecureContext { ca = certs.ca.cert }
local client_context_12 = tls.createSecureContext { ca = certs.ca.cert, maxVersion = "TLSv1.2" }

-- A sequence's seed decides its kind, so that it is the same alone.
local KINDS = { "plain", "TLSv1.3", "plain", "TLSv1.2" }

local function connect(kind, port)
  local settings = { port = port, host = "127.0.0.1", allowHalfOpen = true, servername = "localhost" }
  if kind == "plain" then return net.connect(settings), "connect" end
  settings.secureContext = kind == "TLSv1.2" and client_context_12 or client_context
  return tls.connect(settings), "secureConnect"
end

-- Both ends of a new connection, when both are there.
local function pairs_of(server, event)
  local waiting = {}
  local function meet(port, side, socket)
    local both = waiting[port] or {}
    waiting[port] = both
    both[side] = socket
    if not (both.client and both.server) then return end
    waiting[port] = nil
    both.go(both.client, both.server)
  end
  server:on(event, function(socket) meet(socket.remotePort, "server", socket) end)
  return function(kind, go)
    local socket, ready = connect(kind, server:address().port)
    socket:once(ready, function()
      local port = socket.localPort
      waiting[port] = waiting[port] or {}
      waiting[port].go = go
      meet(port, "client", socket)
    end)
  end
end

-- Sequences that failed once.
local FAILED = {
  4774380869, -- a write failed before the peer's end was read: nothing was told any more
}

describe("any sequence of operations", function()
  local function try(seed, count)
    local plain, secure = net.createServer { allowHalfOpen = true }, tls.createServer(options)
    local of_plain, of_secure = pairs_of(plain, "connection"), pairs_of(secure, "secureConnection")
    local next_seed, running, failed, timer = seed, {}, nil, uv.new_timer()

    local function stop()
      if timer:is_closing() then return end
      timer:close()
      plain:close()
      secure:close()
    end

    local function launch()
      if failed or next_seed >= seed + count then
        if next(running) == nil then stop() end
        return
      end
      local mine = next_seed
      next_seed = next_seed + 1
      running[mine] = { since = uv.now() }
      local kind = KINDS[mine % #KINDS + 1]
      local make = kind == "plain" and of_plain or of_secure
      make(kind, helper.wrap(function(client, server)
        running[mine].sequence = Sequence.start(mine, kind, client, server, function(sequence)
          running[mine] = nil
          failed = failed or sequence.failure and sequence:report()
          launch()
        end)
      end))
    end

    local function look() -- has one been stuck?
      for number, entry in pairs(running) do
        if uv.now() - entry.since > PATIENCE * helper.slow then
          failed = failed or entry.sequence and entry.sequence:report() or "sequence " .. number .. ": no connection"
        end
      end
      if failed then uv.stop() end
    end

    plain:listen(0, "127.0.0.1", function()
      secure:listen(0, "127.0.0.1", function()
        timer:start(1000, 1000, look)
        for _ = 1, AT_ONCE do launch() end
      end)
    end)
    local ok, err = pcall(helper.run, 600000)
    assert.is_nil(failed)
    assert.is_true(ok, err)
    assert.equal(seed + count, next_seed)
  end

  it("keeps bytes, callbacks and events in order (TLS_SEED=" .. first_seed .. ")", function()
    io.stderr:write("property seed ", first_seed, "\n")
    try(first_seed, sequences)
  end)

  for _, failed in ipairs(FAILED) do
    it("does so in sequence " .. failed, function() try(failed, 1) end)
  end
end)
