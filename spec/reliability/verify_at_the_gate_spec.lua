-- A server's `verify` is asked when the handshake is finished, before 'secureConnection' and 'data', and in every
-- handshake alike: full, resumed, renegotiated (TLS 1.2), behind the handshake (TLS 1.3). It may override a bad chain.
-- Its refusal closes the connection, without an alert; the server's error keeps its code. Without `verify` a bad chain
-- is refused in the handshake, by its alert; a client's `verify` waits in the handshake, and its refusal is one.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local visits = require "spec.support.visits"

local merge, one = visits.merge, visits.one

local uv = helper.uv
local UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
local MINE = { code = "MINE", message = "no" }

local function later(fn)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(20, 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

-- A `verify` that answers with the values given, at once or later, and notes what it was asked in 'asked'.
local function answering(asked, wait, ...)
  local answers, n = { ... }, select("#", ...)
  return function(chain, preverify, callback)
    asked[#asked + 1] = chain[1].subject.CN .. " " .. (preverify and preverify.code or "good")
    local function answer() callback((table.unpack or unpack)(answers, 1, n)) end
    if wait then later(answer) else answer() end
  end
end

local function server_options(verify, version, more)
  return merge({ key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = certs.ca.cert, requestCert = true,
    rejectUnauthorized = true, verify = verify, maxVersion = version, ticketKeys = ("k"):rep(48) }, more)
end

local function client_options(name, more)
  local mine = name and certs[name] or {}
  return merge({ ca = certs.ca.cert, key = mine.key, cert = mine.cert }, more)
end

-- The client was closed, and heard no reason.
local function assert_no_alert(code)
  assert.is_nil((code or ""):find "ALERT", code)
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  for _, wait in ipairs { false, true } do
    local when = (wait and ", later" or ", at once") .. ", over " .. version

    describe("a server's verify that answers" .. when, function()
      it("is asked once, and lets in", function()
        local asked = {}
        local seen = one(server_options(answering(asked, wait), version), client_options "agent")
        assert.same({ "agent good" }, asked)
        assert.is_true(seen.server)
        assert.is_nil(seen.server_said)
        assert.equal("x", seen.data)
      end)

      it("overrides a bad chain", function()
        local asked = {}
        local seen = one(server_options(answering(asked, wait, nil, true), version), client_options "stranger")
        assert.same({ "stranger " .. UNKNOWN }, asked)
        assert.is_true(seen.server)
        assert.is_nil(seen.failed)
      end)

      -- A client of TLS 1.2 waits for our Finished, which waits for the verdict; one of TLS 1.3 does not.
      it("refuses by closing, behind the handshake", function()
        for _, case in ipairs { { "agent", MINE, "MINE" }, { "stranger", nil, UNKNOWN },
          { "stranger", MINE, "MINE" } } do
          local asked = {}
          local seen = one(server_options(answering(asked, wait, case[2]), version), client_options(case[1]))
          assert.equal(1, #asked)
          assert.equal(0, seen.accepted)
          assert.equal(case[3], seen.refused)
          assert.equal(version == "TLSv1.3" and 1 or 0, seen.connected)
          assert.is_nil(seen.data)
          assert_no_alert(seen.failed)
        end
      end)

      it("only tells where nobody is rejected", function()
        local seen = one(server_options(answering({}, wait, MINE), version, { rejectUnauthorized = false }),
          client_options "agent")
        assert.equal(1, seen.accepted)
        assert.is_false(seen.server)
        assert.equal("MINE", seen.server_said)
      end)

      it("is asked about a resumed session as about any other", function()
        local options = server_options(answering({}, false), version)
        local session = one(options, client_options "agent").session
        assert.is_string(session)
        for _, case in ipairs { { MINE, nil, "MINE" }, { nil, nil, false } } do
          local asked = {}
          local seen = one(merge(options, { verify = answering(asked, wait, case[1], case[2]) }),
            client_options("agent", { session = session }))
          assert.same({ "agent good" }, asked)
          assert.equal(case[3], seen.refused or false)
          assert.is_true(seen.reused)
          assert_no_alert(seen.failed)
        end
      end)

      it("is not asked about a client without a certificate, which is refused in the handshake", function()
        local asked = {}
        local seen = one(server_options(answering(asked, wait, nil, true), version), client_options())
        assert.same({}, asked)
        assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", seen.refused)
        assert.truthy(seen.failed:find "ALERT", seen.failed)
        seen = one(server_options(answering(asked, wait, nil, true), version, { rejectUnauthorized = false }),
          client_options())
        assert.same({}, asked)
        assert.is_false(seen.server)
        assert.equal("UNABLE_TO_GET_ISSUER_CERT", seen.server_said)
      end)

      it("tells nothing of what comes before its answer", function()
        local answered, order = false, {}
        local r = pair.run(server_options(function(_, _, callback)
          later(function()
            answered = true
            callback()
          end)
        end, version), client_options "agent", function(socket)
          order[#order + 1] = "secureConnection " .. tostring(answered)
          socket:on("data", function(data)
            order[#order + 1] = data .. " " .. tostring(answered)
            socket:finish()
          end)
        end, function(client) client:write "early bird" end)
        assert.equal(1, r.accepted)
        assert.same({ "secureConnection true", "early bird true" }, order)
      end)
    end)
  end

  describe("without verify, over " .. version, function()
    it("a bad chain is refused in the handshake, by its alert", function()
      local seen = one(server_options(nil, version), client_options "stranger")
      assert.equal(0, seen.accepted)
      assert.equal(UNKNOWN, seen.refused)
      assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", seen.failed)
    end)
  end)

  describe("a client's verify over " .. version, function()
    it("refuses in the handshake, by an alert", function()
      local seen = one({ key = certs.ecdsa.key, cert = certs.ecdsa.cert },
        client_options(nil, { verify = answering({}, true, MINE), maxVersion = version }))
      assert.equal("MINE", seen.failed)
      assert.equal(0, seen.connected)
      assert.equal(0, seen.accepted)
      assert.equal("ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", seen.refused)
    end)
  end)
end

describe("a server's verify in another handshake", function()
  -- Our client renegotiates; the server asks for its certificate each time.
  local function renegotiate(verify, name, on_client, more)
    local server_seen = { data = "" }
    local r = pair.run(server_options(verify, "TLSv1.2", more), client_options(name), function(socket)
      server_seen.socket = socket
      socket:on("data", function(data)
        server_seen.data = server_seen.data .. data
        socket:write(data)
      end)
      socket:on("end", function() socket:finish() end)
    end, function(client) on_client(client, server_seen) end)
    return r, server_seen
  end

  for _, wait in ipairs { false, true } do
    it("that the client began is asked again" .. (wait and ", and answers later" or ""), function()
      local asked, echoed = {}, ""
      local r, seen = renegotiate(answering(asked, wait), "agent", function(client)
        client:on("data", function(data)
          echoed = echoed .. data
          if #echoed == 15 then client:finish() end
        end)
        client:write "before "
        client:renegotiate({}, helper.expect(function(err)
          assert.is_nil(err)
          client:write "behind"
        end))
        client:write "in"
      end)
      assert.same({ "agent good", "agent good" }, asked)
      assert.equal("before inbehind", seen.data)
      assert.equal("before inbehind", echoed)
      assert.is_true(seen.socket.authorized)
      assert.is_nil(r.server_failure)
      assert.is_nil(r.client_failure)
    end)
  end

  it("that the client began may refuse, by closing", function()
    local count = 0
    local r, seen = renegotiate(function(_, _, callback)
      count = count + 1
      later(function() callback(count == 2 and MINE or nil) end)
    end, "agent", function(client)
      client:renegotiate({}, function() client:write "behind" end)
    end)
    assert.equal(2, count)
    assert.equal("MINE", r.server_failure.code)
    assert.equal("", seen.data)
    assert_no_alert(r.client_failure and r.client_failure.code)
    assert.is_false(seen.socket.authorized)
  end)

  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("that the server began may refuse, by closing, over " .. version, function()
      local this
      local r = pair.run(server_options(answering({}, true, MINE), version, { requestCert = false }),
        client_options "agent", function(socket)
          this = socket
          socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.never "callback")
          socket:resume()
        end, function(client) client:resume() end)
      assert.equal("MINE", r.server_failure.code)
      assert.is_false(this.authorized)
      assert_no_alert(r.client_failure and r.client_failure.code)
    end)
  end
end)
