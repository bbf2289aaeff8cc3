-- examples/fleet: workers that are killed, replaced and stopped while clients come and go.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local fleet = require "spec.support.fleet"

local uv = helper.uv

local copy, with_fleet, start_fleet, wait_for = fleet.copy, fleet.with, fleet.start, fleet.wait_for
local enter, echo, load, guests = fleet.enter, fleet.echo, fleet.load, fleet.guests
local redis_at, with_machines, session_of, comes_back = fleet.redis_at, fleet.with_machines, fleet.session_of,
  fleet.comes_back

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

describe("examples/fleet", function()
  it("loses no connection by a reload under load, and serves by other code and another certificate then", function()
    local served, lost, old_echoes, subject, greeting = 0, {}, 0, nil, nil
    with_fleet(function(port, parent, files)
      local stay = guests(port, 10)
      local stop, so_far = load(port, 8)
      copy(certs.ecdsa.cert_file, files.cert)
      copy(certs.ecdsa.key_file, files.key)
      for _ = 1, 3 do
        local before = so_far()
        fleet.reload { parent }
        fleet.wait(function() return so_far() >= before + 50 end)
      end
      served, lost = stop()
      for _, guest in ipairs(stay) do -- they are still with the workers that they came to
        if echo(guest.socket, "still here") == "still here" then old_echoes = old_echoes + 1 end
        guest.socket:close()
      end
      local file = assert(io.open(files.service, "w"))
      file:write 'return function(socket) socket:finish "worker 0 other code\\n" end'
      file:close()
      fleet.reload { parent }
      local socket
      socket, greeting = co.connect { host = "localhost", port = port, ca = certs.ca.cert, family = 4 }
      assert(socket, tostring(greeting))
      subject = socket.stream:getPeerCertificate().asn1Curve
      greeting = socket:read()
    end, { "FLEET_DRAIN=300000" })
    assert.is_true(served >= 150)
    assert.same({}, lost)
    assert.equal(10, old_echoes)
    assert.equal("prime256v1", subject)
    assert.equal("worker 0 other code", greeting)
  end)

  it("loses nobody of those that come at once, and are put off, while workers are replaced", function()
    local served, lost = 0, {}
    with_fleet(function(port, parent)
      local stop, so_far = load(port, 32)
      for _ = 1, 4 do
        local before = so_far()
        fleet.reload { parent }
        fleet.wait(function() return so_far() >= before + 64 end)
      end
      served, lost = stop()
    end, { "FLEET_DRAIN=300000" })
    assert.is_true(served >= 256)
    assert.same({}, lost)
  end)

  it("keeps the present workers where the new ones cannot begin", function()
    local before, after, lost, served
    with_fleet(function(port, parent, files)
      local stop = load(port, 2)
      before = guests(port, 1)[1].worker
      local file = assert(io.open(files.cert, "w"))
      file:write "no certificate"
      file:close()
      parent.handle:kill "sighup"
      wait_for(parent, "reloaded 0 of 2")
      after = before
      for _ = 1, 20 do
        local socket, worker = enter(port)
        assert(socket, tostring(worker))
        socket:close()
        if not parent.output:find(("worker %d ready"):format(worker), 1, true) then after = worker end
      end
      served, lost = stop()
    end)
    assert.equal(before, after)
    assert.is_true(served > 0)
    assert.same({}, lost)
  end)

  it("loses by a worker that is killed under load only what was in that worker, and starts another", function()
    local lost, again = {}, nil
    local victim, broken, whole = nil, {}, {} -- worker -> how many of those that stay
    with_fleet(function(port, parent)
      local stay = guests(port, 16)
      local stop, so_far = load(port, 8)
      victim = stay[1].worker
      uv.kill(victim, "sigkill")
      wait_for(parent, ("worker %d ended: status 0, signal 9"):format(victim))
      fleet.wait(function() return count(parent.output, "worker %d+ ready") >= 3 end)
      local before = so_far()
      fleet.wait(function() return so_far() >= before + 50 end)
      for _, guest in ipairs(stay) do
        local list = echo(guest.socket, "still here") == "still here" and whole or broken
        list[guest.worker] = (list[guest.worker] or 0) + 1
        guest.socket.stream:destroy()
      end
      local newest = tonumber(parent.output:match ".*worker (%d+) ready")
      while again ~= newest do -- the kernel chooses
        local socket
        socket, again = enter(port)
        assert(socket, tostring(again))
        socket:close()
      end
      local _
      _, lost = stop()
    end)
    local survivor = next(whole)
    assert.is_true(broken[victim] > 0)
    assert.same({ [victim] = broken[victim] }, broken)
    assert.is_true(survivor and survivor ~= victim)
    assert.same({ [survivor] = 16 - broken[victim] }, whole)
    local losers, twice, of_others = {}, 0, 0
    for _, entry in ipairs(lost) do
      if losers[entry.client] then twice = twice + 1 end
      losers[entry.client] = true
      if entry.worker and entry.worker ~= victim then of_others = of_others + 1 end
    end
    assert.equal(0, twice) -- of the load each has lost what it had with the victim, and nothing after that
    assert.equal(0, of_others)
  end)

  it("lets nobody in when it stops, waits for who is there, and cuts off at the deadline", function()
    local code, last
    local output = with_fleet(function(port, parent)
      local polite, stays = enter(port), enter(port)
      parent.handle:kill "sigterm"
      local _, err
      repeat
        co.sleep(10)
        _, err = co.connect { host = "localhost", port = port, ca = certs.ca.cert, family = 4 }
      until err and err.code == "ECONNREFUSED"
      code = err.code
      last = echo(polite, "goodbye")
      polite:close()
      stays:read() -- until it is cut off
    end, { "FLEET_DRAIN=1000" })
    assert.equal("ECONNREFUSED", code)
    assert.equal("goodbye", last)
    local cut = 0
    for number in output:gmatch "stopped (%d+)" do cut = cut + number end
    assert.equal(1, cut)
    assert.equal(2, count(output, "ended: status 0, signal 0"))
  end)

  it("ends with its parent, and still serves who is there", function()
    local last, after
    local parent
    parent = start_fleet(function(port)
      local guest = enter(port)
      parent:stop() -- SIGKILL
      repeat
        co.sleep(10)
        local socket, err = co.connect { host = "localhost", port = port, ca = certs.ca.cert, family = 4 }
        after = err and err.code
        if socket then socket.stream:destroy() end
      until after == "ECONNREFUSED"
      last = echo(guest, "goodbye")
      guest:close()
    end)
    helper.run(fleet.patience)
    assert.equal("ECONNREFUSED", after)
    assert.equal("goodbye", last)
  end)

  it("resumes at every worker, also at those that have taken another's place", function()
    local resumed, workers, missed = 0, {}, 0
    with_fleet(function(port, parent)
      for round = 1, 20 do
        if round == 11 then
          fleet.reload { parent }
        end
        local session
        local first, worker = enter(port)
        first.stream:on("session", function(data) session = data end)
        echo(first, "wait for the ticket")
        session = session or first.stream:getSession()
        first:close()
        local second, other, how = enter(port, { session = session })
        assert(second, tostring(other))
        second:close()
        if how == "resumed" then resumed = resumed + 1 else missed = missed + 1 end
        if other ~= worker then workers[other] = true end
      end
    end)
    assert.equal(20, resumed)
    assert.equal(0, missed)
    assert.is_truthy(next(workers)) -- some came to another one the second time
  end)
end)

describe("examples/fleet with a Redis over TLS", function()
  local function it_with_redis(name, fn)
    it(name, function()
      if not fleet.redis then return pending "redis-server is not here; make deps unpacks it" end
      fn()
    end)
  end

  it_with_redis("resumes all, half of them at the other machine, and without Redis at itself alone", function()
    local resumed, tried = { same = 0, other = 0 }, { same = 0, other = 0 }
    local alone, itself
    with_machines(function(ports)
      for i = 1, 20 do
        local from, to = ports[i % 2 + 1], ports[math.floor(i / 2) % 2 + 1]
        local where = from == to and "same" or "other"
        tried[where] = tried[where] + 1
        if comes_back(to, session_of(from)) == "resumed" then resumed[where] = resumed[where] + 1 end
      end
      local stranger, done
      stranger = start_fleet(function(port)
        alone = comes_back(port, session_of(ports[1]))
        itself = comes_back(port, session_of(port))
        stranger.handle:kill "sigterm"
        done = true
      end)
      fleet.wait(function() return done end)
    end)
    assert.same({ same = 10, other = 10 }, tried) -- half of them come to the other machine
    assert.same(tried, resumed)
    assert.equal("new", alone)
    assert.equal("resumed", itself)
  end)

  it_with_redis("loses no resumption by rotations", function()
    local tried, missed, changes = 0, 0, {}
    with_machines(function(ports, parents)
      local before = session_of(ports[1])
      while count(parents[1].output, "sealing by") < 7 or tried <= 20 do
        tried = tried + 1
        local from = tried % 2 + 1
        if comes_back(ports[from], before) ~= "resumed" then missed = missed + 1 end -- from the other one
        before = session_of(ports[from])
      end
      for key in parents[1].output:gmatch "sealing by (%x+)" do changes[key] = true end
    end, { "FLEET_ROTATE=2.5", "FLEET_LEAD=1.8", "FLEET_SESSIONS=20" })
    local keys = 0
    for _ in pairs(changes) do keys = keys + 1 end
    assert.is_true(keys >= 3)
    assert.is_true(tried > 20)
    assert.equal(0, missed)
  end)

  it_with_redis("goes on while Redis is away, and when it comes back with nothing", function()
    local away, started, back = nil, nil, nil
    with_machines(function(ports, parents, redis, redis_port)
      local session = session_of(ports[1])
      redis:stop()
      wait_for(parents[2], "redis is away")
      away = comes_back(ports[2], session)
      fleet.reload { parents[2] } -- workers that have never seen Redis
      started = comes_back(ports[2], session_of(ports[1]))
      local again
      redis_at(redis_port, function(second) again = second end)
      for _, parent in ipairs(parents) do
        wait_for(parent, "redis is away.*redis is there")
        wait_for(parent, "2 keys")
      end
      back = comes_back(ports[1], session_of(ports[2]))
      again:stop()
    end)
    assert.equal("resumed", away)
    assert.equal("resumed", started)
    assert.equal("resumed", back)
  end)

  it_with_redis("resumes sessions by id at the other machine, and goes without while Redis hangs or is away", function()
    local resumed, hung, took, away = 0, nil, nil, nil
    local TLS12 = { maxVersion = "TLSv1.2" }
    with_machines(function(ports, parents, redis)
      for _, parent in ipairs(parents) do wait_for(parent, "in Redis.*in Redis") end
      for i = 1, 10 do
        if comes_back(ports[i % 2 + 1], session_of(ports[(i + 1) % 2 + 1], TLS12), "TLSv1.2") == "resumed" then
          resumed = resumed + 1
        end
      end
      local session = session_of(ports[1], TLS12)
      redis.handle:kill "sigstop"
      took = uv.hrtime()
      hung = comes_back(ports[2], session, "TLSv1.2")
      took = (uv.hrtime() - took) / 1e9
      redis:stop()
      for _, parent in ipairs(parents) do wait_for(parent, "redis is away.*redis is away") end
      away = comes_back(ports[2], session, "TLSv1.2")
    end, { "FLEET_STORE=redis" })
    assert.equal(10, resumed)
    assert.equal("new", hung)
    assert.is_true(took >= 0.2)
    assert.equal("new", away)
  end)
end)
