-- examples/fleet/proxy_protocol.lua: headers of the PROXY protocol in front of TLS, by hand and by a real HAProxy.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local co = require "tls.co"
local fleet = require "spec.support.fleet"
local net = require "tls.net"
local tasks = require "spec.support.tasks"
local tls = require "tls"

local uv = helper.uv
local proxy = dofile "examples/fleet/proxy_protocol.lua"

local SIGNATURE = "\13\10\13\10\0\13\10QUIT\10"

-- By default: PROXY, version 2.
local function header(family, rest, command)
  return SIGNATURE .. string.char(command or 0x21, family, math.floor(#rest / 256), #rest % 256) .. rest
end

local IPV4 = "\192\0\2\7\198\51\100\1\220\4\1\187"
local FROM_IPV4 = header(0x11, IPV4)
local FROM_IPV6 = header(0x21, "\32\1\13\184" .. ("\0"):rep(11) .. "\9" .. ("\0"):rep(16) .. "\1\2\1\187")
local LOCAL = header(0x00, "", 0x20)

describe("a header of the PROXY protocol", function()
  local GOOD = {
    { "of IPv4", FROM_IPV4, { address = "192.0.2.7", port = 56324 } },
    { "of IPv6", FROM_IPV6, { address = "2001:db8:0:0:0:0:0:9", port = 258 } },
    { "with what may follow the addresses", header(0x11, IPV4 .. "\4\0\1x" .. "\32\0\5\1\0\0\0\0" .. "\2\0\0"),
      { address = "192.0.2.7", port = 56324 } },
    { "of a unix socket", header(0x31, ("\0"):rep(216)), { address = "a unix socket" } },
    { "of who is not known", header(0x00, ""), {} },
    { "of who is not known, with a rest that says nothing", header(0x00, "xxx"), {} },
    { "of a check", LOCAL, { check = true } },
    { "of a check, with addresses that do not count", header(0x11, "\1\2\3", 0x20), { check = true } },
    { "as long as it may be", header(0x11, IPV4 .. "\4\15\225" .. ("x"):rep(4065)),
      { address = "192.0.2.7", port = 56324 } },
  }

  for _, case in ipairs(GOOD) do
    local text = case[2]
    it("is read: " .. case[1], function()
      local size, client = proxy.parse(text)
      assert.equal(#text, size)
      assert.same(case[3], client)
      assert.same({ #text, case[3] }, { proxy.parse(text .. "\22\3\1") })
      for i = 0, #text - 1 do assert.same({ 0 }, { proxy.parse(text:sub(1, i)) }) end
    end)
  end

  local BAD = {
    { "no header", "\22\3\1\2\0\1\0\1", "no PROXY header" },
    { "a request", "GET / HTTP/1.1\r\n", "no PROXY header" },
    { "version 1", "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "version 1; HAProxy sends 2 by send-proxy-v2" },
    { "version 1, which knows nobody", "PROXY UNKNOWN\r\n", "version 1; HAProxy sends 2 by send-proxy-v2" },
    { "a signature that ends otherwise", SIGNATURE:sub(1, 11) .. "\11\33\17\0\12" .. IPV4, "no PROXY header" },
    { "version 1 in the form of 2", header(0x11, IPV4, 0x11), "no such version and command: 0x11" },
    { "version 3", header(0x11, IPV4, 0x31), "no such version and command: 0x31" },
    { "another command", header(0x11, IPV4, 0x22), "no such version and command: 0x22" },
    { "datagrams", header(0x12, IPV4), "no stream of a family that is known: 0x12" },
    { "another family", header(0x41, IPV4), "no stream of a family that is known: 0x41" },
    { "a family without a protocol", header(0x10, IPV4), "no stream of a family that is known: 0x10" },
    { "too short for IPv4", header(0x11, IPV4:sub(1, 11)), "the addresses are cut off" },
    { "too short for IPv6", header(0x21, IPV4), "the addresses are cut off" },
    { "too short for a unix socket", header(0x31, ("\0"):rep(215)), "the addresses are cut off" },
    { "a rest of one byte", header(0x11, IPV4 .. "\4"), "what follows the addresses does not fit" },
    { "a rest that is longer than the header", header(0x11, IPV4 .. "\4\0\2x"),
      "what follows the addresses does not fit" },
    { "a rest with a byte too many", header(0x11, IPV4 .. "\4\0\1xy"), "what follows the addresses does not fit" },
    { "too long, by its first 16 bytes", header(0x11, ("x"):rep(65535)):sub(1, 16), "a header of 65551 bytes" },
    { "too long by a byte", header(0x11, ("x"):rep(4081)):sub(1, 16), "a header of 4097 bytes" },
    { "a check that is too long", header(0x00, ("x"):rep(4081), 0x20), "a header of 4097 bytes" },
  }

  for _, case in ipairs(BAD) do
    it("is refused: " .. case[1], function()
      local size, why = proxy.parse(case[2])
      assert.is_nil(size)
      assert.equal(case[3], why)
    end)
  end

  it("is refused as soon as a byte is wrong", function()
    assert.same({ 0 }, { proxy.parse "" })
    assert.same({ nil, "no PROXY header" }, { proxy.parse "\22" })
    assert.same({ nil, "no PROXY header" }, { proxy.parse "\13\10\13\10x" })
    assert.same({ nil, "version 1; HAProxy sends 2 by send-proxy-v2" }, { proxy.parse "P" })
    assert.same({ nil, "no PROXY header" }, { proxy.parse "PR " })
  end)
end)

-- A server behind proxy.front, which tells a client whom it takes it for. fn(port, seen) in a task: seen.log is what
-- was logged, seen.errors what the tls.Server has told of handshakes. Ends when nobody is connected any more.
local function behind_front(fn, how)
  how = how or {}
  local seen = { log = {}, errors = {}, accepted = 0 }
  local front, client_of
  local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert }, function(socket)
    local client = client_of(socket)
    seen.accepted = seen.accepted + 1
    socket:on("error", helper.never "error")
    socket:write(("%s %s\n"):format(client.check and "check" or client.address or "unknown", client.port or "-"))
    socket:pipe(socket)
  end)
  server:on("tlsClientError", function(err, socket)
    seen.errors[#seen.errors + 1] = { err.code, client_of(socket) }
  end)
  front, client_of = proxy.front(server, { allowed = proxy.allow(how.allowed or "127.0.0.1"), patience = how.patience,
    log = function(text) seen.log[#seen.log + 1] = text:gsub("^(%S+) %d+", "%1") end })
  local closed = false
  front:listen(0, "127.0.0.1", function()
    tasks.start(function()
      fn(front:address().port, seen)
      front:close(function() closed = true end)
    end)
  end)
  helper.run(20000)
  assert.is_true(closed)
  return seen
end

-- A port for one client of TLS, whose first bytes are given to send(plain, first, go_on); what comes back goes to it as
-- it is.
local function relay(port, send)
  local server
  server = net.createServer(function(client)
    server:close()
    local plain = net.connect { host = "127.0.0.1", port = port, noDelay = true }
    for _, socket in ipairs { client, plain } do socket:on("error", function() end) end
    client:once("data", function(first)
      client:pause()
      send(plain, first, function() client:pipe(plain) end)
    end)
    plain:pipe(client)
    plain:on("close", function() client:destroy() end)
    client:on("close", function() plain:destroy() end)
  end)
  server:listen(0, "127.0.0.1")
  while not server.listening do co.sleep(1) end
  return server:address().port
end

-- The greeting that a client gets, and its echo.
local function greeting(port)
  local socket, err = co.connect { host = "localhost", family = 4, port = port, ca = certs.ca.cert }
  if not socket then return nil, err end
  local line = socket:read()
  socket:write "ping\n"
  local echo = socket:read()
  socket:close()
  return line, echo
end

-- What a client gets that is no client of TLS: bytes, until it is closed by the other side.
local function answer_to(port, ...)
  local socket = assert(co.connect { host = "127.0.0.1", port = port, plain = true })
  for _, text in ipairs { ... } do assert(socket:write(text)) end
  local answer, err = socket:read "a"
  socket:close()
  return answer, err and err.code
end

describe("proxy.front", function()
  it("reads a header and a ClientHello in one packet", function()
    local line, echo
    local seen = behind_front(function(port)
      line, echo = greeting(relay(port, function(plain, first, go_on)
        plain:write(FROM_IPV4 .. first)
        go_on()
      end))
    end)
    assert.equal("192.0.2.7 56324", line)
    assert.equal("ping", echo)
    assert.same({ log = {}, errors = {}, accepted = 1 }, seen)
  end)

  it("reads both one byte at a time", function()
    local line, echo
    local seen = behind_front(function(port)
      line, echo = greeting(relay(port, function(plain, first, go_on)
        local text, at = FROM_IPV6 .. first, 0
        local function next_byte()
          at = at + 1
          if at > #text then return go_on() end
          plain:write(text:sub(at, at), next_byte)
        end
        next_byte()
      end))
    end)
    assert.equal("2001:db8:0:0:0:0:0:9 258", line)
    assert.equal("ping", echo)
    assert.same({ log = {}, errors = {}, accepted = 1 }, seen)
  end)

  it("serves a check as the balancer's own, and who is not known", function()
    local lines = {}
    local seen = behind_front(function(port)
      for i, text in ipairs { LOCAL, header(0x00, "") } do
        lines[i] = greeting(relay(port, function(plain, first, go_on)
          plain:write(text)
          plain:write(first)
          go_on()
        end))
      end
    end)
    assert.same({ "check -", "unknown -" }, lines)
    assert.same({ log = {}, errors = {}, accepted = 2 }, seen)
  end)

  it("says nothing of a check that ends without a handshake, nor of one that sends nothing", function()
    local seen = behind_front(function(port)
      local check = assert(co.connect { host = "127.0.0.1", port = port, plain = true })
      check:write(LOCAL)
      check:close()
      assert(co.connect { host = "127.0.0.1", port = port, plain = true }):close()
      local reset = assert(co.connect { host = "127.0.0.1", port = port, plain = true })
      reset:write(LOCAL)
      reset:flush()
      reset.stream:resetAndDestroy()
    end)
    assert.same({}, seen.log)
    assert.equal(0, seen.accepted)
    for _, entry in ipairs(seen.errors) do assert.same({ "ECONNRESET", { check = true } }, entry) end
    assert.equal(2, #seen.errors)
  end)

  it("tells whose handshake has failed", function()
    local answer
    local seen = behind_front(function(port) answer = answer_to(port, FROM_IPV4, "GET / HTTP/1.1\r\n\r\n") end)
    assert.equal("", answer)
    assert.same({ { "ERR_SSL_HTTP_REQUEST", { address = "192.0.2.7", port = 56324 } } }, seen.errors)
    assert.same({}, seen.log)
  end)

  it("closes what sends no header, at once and without a byte", function()
    local answers = {}
    local seen = behind_front(function(port)
      for i, text in ipairs { "\22", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", header(0x11, IPV4, 0x22) } do
        answers[i] = answer_to(port, text)
      end
    end)
    assert.same({ "", "", "" }, answers)
    assert.same({ "127.0.0.1: no PROXY header", "127.0.0.1: version 1; HAProxy sends 2 by send-proxy-v2",
      "127.0.0.1: no such version and command: 0x22" }, seen.log)
    assert.equal(0, seen.accepted)
    assert.same({}, seen.errors)
  end)

  it("does not wait longer than it should, however slowly the bytes come", function()
    local answer, took, sent, long = nil, nil, 0, header(0x11, IPV4 .. "\4\1\0" .. ("x"):rep(256))
    local seen = behind_front(function(port)
      local socket = assert(co.connect { host = "127.0.0.1", port = port, plain = true, noDelay = true })
      took = uv.hrtime()
      local feeder = co.run(function()
        while socket:write(long:sub(sent + 1, sent + 1)) do
          sent = sent + 1
          co.sleep(50)
        end
      end)
      answer = socket:read "a"
      took = (uv.hrtime() - took) / 1e9
      feeder:cancel()
      socket:close()
    end, { patience = 300 })
    assert.equal("", answer or "") -- a byte that was on its way makes it a reset
    assert.is_true(took >= 0.2, took)
    assert.is_true(sent > 1 and sent < #long, sent)
    assert.same({ "127.0.0.1: no header in time" }, seen.log)
    assert.equal(0, seen.accepted)
  end)

  it("tells of a header that is cut off", function()
    local seen = behind_front(function(port)
      local socket = assert(co.connect { host = "127.0.0.1", port = port, plain = true })
      socket:write(FROM_IPV4:sub(1, 20))
      socket:finish()
      socket:read "a"
      socket:close()
    end)
    assert.same({ "127.0.0.1: the header is cut off" }, seen.log)
    assert.equal(0, seen.accepted)
  end)

  it("believes those that it is told to, and lets nobody else in", function()
    for allowed, expected in pairs { ["192.0.2.1,10.0.0.0/8,::1"] = 0, ["192.0.2.1, 127.0.0.0/8"] = 1, [""] = 0 } do
      local seen = behind_front(function(port)
        greeting(relay(port, function(plain, first, go_on)
          plain:write(FROM_IPV4 .. first)
          go_on()
        end))
      end, { allowed = allowed })
      assert.equal(expected, seen.accepted, allowed)
      assert.same(expected == 0 and { "127.0.0.1: is no balancer" } or {}, seen.log)
    end
    assert.has_error(function() proxy.allow "127.0.0.1,balancer" end, "no address: balancer")
  end)
end)

-- Where `make deps` has unpacked it, else where a package has put it.
local HAPROXY
for _, path in ipairs { "build/tools/usr/sbin/haproxy", "/usr/sbin/haproxy" } do
  if not HAPROXY and uv.fs_stat(path) then HAPROXY = path end
end

-- HAProxy in TCP mode before the ports, on a socket that it inherits. done(port, child)
local function haproxy(ports, how, done)
  local listener = uv.new_tcp()
  listener:bind("127.0.0.1", 0)
  listener:listen(128, function() end)
  local lines = { "global", " maxconn 200", "defaults", " mode tcp", " timeout connect 5s", " timeout client 30s",
    " timeout server 30s", " retries 3", " option redispatch 1", " log stdout format raw daemon notice", "frontend f",
    " bind fd@3", " default_backend b", "backend b", " balance roundrobin",
    " default-server inter 200ms fastinter 100ms fall 2 rise 1" }
  for i, port in ipairs(ports) do lines[#lines + 1] = (" server s%d 127.0.0.1:%d %s"):format(i, port, how) end
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
  local at = listener:getsockname().port
  local child = Child.spawn({ HAPROXY, "-db", "-f", name }, helper.expect(function() os.remove(name) end),
    { listener, limit_ms = 2 * fleet.patience })
  listener:close()
  done(at, child)
end

local function it_with_haproxy(name, fn)
  it(name, function()
    if not HAPROXY then return pending "haproxy is not here; make deps unpacks it" end
    fn()
  end)
end

it_with_haproxy("examples/fleet/haproxy.cfg is a configuration of HAProxy's", function()
  Child.spawn({ HAPROXY, "-c", "-f", "examples/fleet/haproxy.cfg" }, helper.expect(function(status, output)
    assert.equal(0, status, output)
    assert.is_nil(output:find "WARNING", output)
  end))
  helper.run()
end)

-- Two fleets behind a HAProxy: fn(port, parents, balancer) in a task. With a Redis, where there is one, their
-- ticket keys are the same.
local function with_balancer(how, fn)
  fleet.with_machines(function(ports, parents)
    local done = false
    haproxy(ports, how, function(port, balancer)
      tasks.start(function()
        fn(port, parents, balancer)
        balancer:stop()
        done = true
      end)
    end)
    fleet.wait(function() return done end)
  end, { "FLEET_PROXY=127.0.0.1" })
end

local CHECKED = "send-proxy-v2 check"

describe("fleets behind HAProxy", function()
  local function it_behind(name, fn)
    it_with_haproxy(name, function()
      if not fleet.redis then return pending "redis-server is not here; make deps unpacks it" end
      fn()
    end)
  end

  it_behind("know their clients by their own addresses, and resume at the machine that the balancer chooses", function()
    local told, mine, machines, resumed = {}, {}, {}, 0
    with_balancer(CHECKED, function(port, _, balancer)
      local session
      for i = 1, 20 do
        local socket = assert(co.connect { host = "localhost", family = 4, port = port, ca = certs.ca.cert,
          session = session })
        socket.stream:on("session", function(data) session = data end)
        local worker, from, how = socket:read():match "^worker (%d+) (.*) (%a+)$"
        told[i], mine[i] = from, ("127.0.0.1 %d"):format(socket.stream.localPort)
        if how == "resumed" then resumed = resumed + 1 end
        machines[worker] = true
        socket:write "ping\n"
        socket:read()
        socket:close()
      end
      assert.is_nil(balancer.output:find "DOWN")
    end)
    local workers = 0
    for _ in pairs(machines) do workers = workers + 1 end
    assert.same(mine, told)
    assert.equal(19, resumed) -- one after the other: each at the other machine
    assert.is_true(workers >= 2)
  end)

  for _, how in ipairs { CHECKED, CHECKED .. " check-ssl verify none", "send-proxy-v2 check check-send-proxy" } do
    it_behind("pass its checks, and have nothing to tell of them: " .. how, function()
      local checks, output
      with_balancer(how, function(_, parents, balancer)
        co.sleep(1500)
        checks = balancer.output
        output = parents[1].output .. parents[2].output
      end)
      assert.is_nil(checks:find "DOWN", checks)
      assert.is_nil(output:find "ECONNRESET", output)
      assert.is_nil(output:find "127.0.0.1", output)
    end)
  end

  it_behind("lose nothing by reloads under load", function()
    local served, lost, checks
    with_balancer(CHECKED, function(port, parents, balancer)
      local stop, so_far = fleet.load(port, 4)
      for _ = 1, 2 do
        local before = so_far()
        fleet.reload(parents)
        fleet.wait(function() return so_far() >= before + 30 end)
      end
      served, lost = stop()
      checks = balancer.output
    end)
    assert.is_true(served >= 60)
    assert.same({}, lost)
    assert.is_nil(checks:find "DOWN", checks)
  end)

  it_behind("lose by the death of a machine what was on it, and all others go to the other one", function()
    local served, lost, on_dead, alive, after, of_others = 0, {}, 0, 0, {}, 0
    with_balancer(CHECKED, function(port, parents, balancer)
      local stay = fleet.guests(port, 8)
      local workers = {} -- of the machine that is to die
      for worker in parents[1].output:gmatch "worker (%d+) ready" do workers[tonumber(worker)] = true end
      local stop, so_far = fleet.load(port, 6)
      fleet.wait(function() return so_far() >= 30 end)
      parents[1]:stop() -- SIGKILL: it starts no other
      for worker in pairs(workers) do uv.kill(worker, "sigkill") end
      fleet.wait_for(balancer, "b/s1 is DOWN")
      local before = so_far()
      fleet.wait(function() return so_far() >= before + 50 end)
      served, lost = stop()
      for _, guest in ipairs(stay) do
        local ok = fleet.echo(guest.socket, "still here") == "still here"
        if workers[guest.worker] then
          on_dead = on_dead + (ok and 0 or 1)
        else
          alive = alive + (ok and 1 or 0)
        end
        guest.socket.stream:destroy()
      end
      for _, entry in ipairs(lost) do
        if entry.worker and not workers[entry.worker] then of_others = of_others + 1 end
      end
      for i = 1, 20 do after[i] = workers[select(2, fleet.enter(port))] and "dead" or "alive" end
    end)
    assert.equal(4, on_dead) -- round robin
    assert.equal(4, alive)
    assert.is_true(served >= 80)
    local losers, twice = {}, 0
    for _, entry in ipairs(lost) do
      if losers[entry.client] then twice = twice + 1 end
      losers[entry.client] = true
    end
    assert.equal(0, twice) -- of the load each has lost what it had with the dead one, and nothing after that
    assert.equal(0, of_others)
    assert.equal(("alive "):rep(20), table.concat(after, " ") .. " ")
  end)
end)
