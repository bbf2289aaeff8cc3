-- tls.ocsp.staple: a server has responses for its certificates before clients want them. Against `openssl ocsp`, and
-- responders that are slow, wrong, old or gone.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local core = require "tls.core"
local fake_responder = require "spec.support.fake_responder"
local free_port = require "spec.support.free_port"
local merged = require "spec.support.merged"
local ocsp = require "spec.support.ocsp_responses"
local openssl = require "spec.support.openssl"
local tls = require "tls"
local uv = require "luv"

local it = openssl.with("ocsp", it, function(why) pending(why) end)
local CA, http = certs.ca, fake_responder.http
local QUICK = { retryDelay = 20, maxRetryDelay = 80, timeout = 20000 }

local function good(cert, more) return ocsp.response(merged({ cert = cert or certs.rsa, issuer = CA }, more)) end

-- A certificate for localhost whose responder is at the port.
local function certificate_at(port, more)
  return ocsp.certificate("CN=localhost", CA, { ocsp.LOCALHOST,
    ("authorityInfoAccess=OCSP;URI:http://127.0.0.1:%d/"):format(port), more })
end

--- A server with a stapler: on_ready(case) once it listens. case.events has what the stapler tells: "good",
-- "revoked", codes of errors; case.visit(options, done) makes a connection, done(response, error code); case.done()
-- ends all of it.
local function serve(cert, options, on_ready, server_options)
  local case = { events = {}, errors = {} }
  local own = merged({ key = cert.key, cert = cert.cert, ca = CA.cert }, server_options)
  local server = tls.createServer(own, function(socket) socket:resume() end)
  case.server, case.stapler = server, tls.ocsp.staple(server, merged(QUICK, options))
  local function note(value)
    case.events[#case.events + 1] = value
    if case.on_event then case.on_event(value) end
  end
  case.stapler:on("staple", helper.wrap(function(answer, state)
    assert.equal(answer.status, state.status)
    note(answer.status)
  end))
  case.stapler:on("error", helper.wrap(function(err)
    case.errors[#case.errors + 1] = err
    note(err.code)
  end))
  function case.visit(more, done)
    local response, failure
    local client
    client = tls.connect(merged({ port = server:address().port, host = "127.0.0.1", servername = "localhost",
      ca = CA.cert, requestOCSP = true }, more), function() client:finish() end)
    client:resume()
    client:on("OCSPResponse", function(der) response = der end)
    client:on("error", function(err) failure = err.code end)
    client:on("close", helper.expect(function() done(response, failure) end))
  end
  --- fn() when the stapler has told so, now or later.
  function case.when(event, fn)
    fn = helper.expect(fn)
    case.on_event = function()
      for _, told in ipairs(case.events) do
        if told == event then
          case.on_event = nil
          return fn()
        end
      end
    end
    case.on_event()
  end
  function case.done()
    server:close()
    if case.responder then case.responder.stop() end
  end
  server:listen(0, "127.0.0.1", helper.expect(function() on_ready(case) end))
  return case
end

--- A fake responder, and a server whose responder it is: answer(request, reply, socket).
local function with_fake(answer, on_ready, cert, options, server_options)
  fake_responder.start(answer, function(responder)
    serve(cert or certs.rsa, merged({ url = responder.url }, options), function(case)
      case.responder = responder
      on_ready(case)
    end, server_options).responder = responder
  end)
  helper.run(20000)
end

--- `openssl ocsp` on a free port: on_ready(child). 'more' are its words, and the `signer` if that is not the issuer.
local function with_openssl(index, on_ready, port, more)
  local signer = more and more.signer or CA
  local command = { "openssl", "ocsp", "-index", index, "-port", tostring(port), "-rsigner", signer.cert_file, "-rkey",
    signer.key_file, "-CA", CA.cert_file }
  for _, word in ipairs(more or { "-ndays", "1" }) do command[#command + 1] = word end
  local child = Child.spawn(command, helper.expect())
  child:when("ACCEPT", function() on_ready(child) end)
end

local function s_client(port, done, ...)
  Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-status", "-CAfile", CA.cert_file, ... },
    helper.expect(function(_, output) done(output) end)).stdin:shutdown()
end

describe("tls.ocsp.staple", function()
  teardown(ocsp.clean)

  describe("with `openssl ocsp`", function()
    -- The certificate says where its responder is; 'state' is that of its row in the index: "V", "R", or none.
    local function at_openssl(state, fn, more)
      free_port(function(port)
        local cert = certificate_at(port)
        local index = ocsp.index { [state and cert or certs.rsa] = state or "V" }
        with_openssl(index, function(child)
          local case = serve(cert, nil, fn)
          case.responder = { stop = function() child:stop() end }
        end, port, more)
      end)
      helper.run(30000)
    end

    it("staples what it says, to openssl and to our own clients", function()
      at_openssl("V", function(case)
        case.when("good", function()
          s_client(case.server:address().port, function(output)
            assert.is_truthy(output:find("OCSP Response Status: successful", 1, true), output)
            assert.is_truthy(output:find("Cert Status: good", 1, true), output)
            case.visit({ ocsp = "require", maxVersion = "TLSv1.2" }, function(old, old_failure)
              assert.is_nil(old_failure)
              case.visit({ ocsp = "require" }, function(new, failure)
                assert.is_nil(failure)
                assert.equal(old, new)
                assert.same({ "good" }, case.events)
                case.done()
              end)
            end)
          end)
        end)
      end)
    end)

    it("staples a response without nextUpdate", function()
      at_openssl("V", function(case)
        case.when("good", function()
          assert.is_nil(case.stapler:list()[1].nextUpdate)
          case.visit({ ocsp = "require" }, function(_, failure)
            assert.is_nil(failure)
            case.done()
          end)
        end)
      end, {})
    end)

    it("staples what a responder says that the issuer has named, by its key as well as by its name", function()
      local signer = ocsp.certificate("CN=responder", CA, { "extendedKeyUsage=OCSPSigning" })
      local function staples(more)
        at_openssl("V", function(case)
          case.when("good", function()
            case.visit({ ocsp = "require" }, function(response, failure)
              assert.is_nil(failure)
              assert.is_string(response)
              case.done()
            end)
          end)
        end, more)
      end
      staples { "-ndays", "1", signer = signer }
      staples { "-ndays", "1", "-resp_key_id", signer = signer }
      staples { "-ndays", "1", "-resp_key_id" }
    end)

    it("staples that a certificate is revoked: its clients are to know", function()
      at_openssl("R", function(case)
        case.when("revoked", function()
          s_client(case.server:address().port, function(output)
            assert.is_truthy(output:find("Cert Status: revoked", 1, true), output)
            case.visit({ ocsp = "check" }, function(_, failure)
              assert.equal("ERR_OCSP_REVOKED", failure)
              case.done()
            end)
          end)
        end)
      end)
    end)

    it("staples nothing for a certificate that it does not know", function()
      at_openssl(nil, function(case)
        case.when("ERR_OCSP_UNKNOWN", function()
          s_client(case.server:address().port, function(output)
            assert.is_truthy(output:find "OCSP responses?: no responses? sent", output)
            local err = case.errors[1]
            assert.is_truthy(err.message:find("no OCSP response for CN=localhost from http://127.0.0.1:", 1, true))
            assert.equal(case.stapler:list()[1].error, case.errors[#case.errors])
            case.done()
          end)
        end)
      end)
    end)

    it("is read by Node", function()
      if os.execute "command -v node >/dev/null 2>&1" ~= true and os.execute "command -v node >/dev/null 2>&1" ~= 0 then
        return pending "node is not installed"
      end
      at_openssl("V", function(case)
        case.when("good", function()
          local script = "const c = require('tls').connect({port: +process.argv[1], host: '127.0.0.1', servername: " ..
            "'localhost', ca: require('fs').readFileSync(process.argv[2]), requestOCSP: true}, () => c.end());" ..
            "c.on('OCSPResponse', (der) => console.log(der.length));"
          Child.spawn({ "node", "-e", script, tostring(case.server:address().port), CA.cert_file },
            helper.expect(function(status, output)
              assert.equal(0, status, output)
              assert.is_true(tonumber(output) > 100)
              case.done()
            end))
        end)
      end)
    end)
  end)

  describe("at a responder", function()
    --- The stapler tells of the code, and a client gets nothing, but a handshake.
    local function fails(code, answer, text, options)
      with_fake(answer, function(case)
        case.when(code, function()
          assert.is_truthy(case.errors[1].message:find(text, 1, true), case.errors[1].message)
          case.visit({ ocsp = "check" }, function(response, failure)
            assert.is_nil(response)
            assert.is_nil(failure)
            case.done()
          end)
        end)
      end, nil, options)
    end

    local function raw(bytes)
      return function(_, _, socket) socket:finish(bytes) end
    end

    local function replies(response)
      return function(_, reply) reply(response) end
    end

    it("that has no answer, tells of that", function()
      fails("ERR_OCSP_NOT_SUCCESSFUL", replies(ocsp.refusal(3)), "tryLater")
      fails("ERR_OCSP_MALFORMED", replies "junk", "malformed")
      fails("ERR_OCSP_MALFORMED", replies "", "malformed")
      fails("ERR_OCSP_OTHER_CERTIFICATE", replies(good(certs.ecdsa)), "another certificate")
      fails("ERR_OCSP_EXPIRED", replies(good(nil, { this_update = os.time() - 90000, next_update = os.time() - 400 })),
        "too old")
      fails("ERR_OCSP_SIGNATURE", replies(good(nil, { key = certs.otherca })), "signature")
    end)

    it("that is no responder, tells of that", function()
      local response = good()
      fails("ERR_OCSP_HTTP", raw(http(response, nil, "404 Not Found")), "status 404")
      fails("ERR_OCSP_HTTP", raw(http("", "Location: http://127.0.0.1:1/\r\n", "302 Found")), "status 302")
      fails("ERR_OCSP_HTTP", raw "SSH-2.0-OpenSSH\r\n", "not HTTP")
      fails("ERR_OCSP_HTTP", raw "", "cut off")
      fails("ERR_OCSP_HTTP", raw(http(response):sub(1, -2)), "cut off")
      fails("ERR_OCSP_HTTP", raw(http(response, "Content-Length: 9999999\r\n")), "65535")
      fails("ERR_OCSP_HTTP", raw(http(response, "Content-Length: 1\r\nContent-Length: 2\r\n")), "two lengths")
      fails("ERR_OCSP_HTTP", raw(http(("x"):rep(70000), "")), "65535")
    end)

    it("that hangs, trickles or dies, is waited for no longer than `timeout`", function()
      local short = { timeout = 300 }
      fails("ERR_OCSP_TIMEOUT", function() end, "within 300 ms", short)
      fails("ERR_OCSP_TIMEOUT", function(_, _, socket)
        local bytes, at = http(good()), 0
        local timer = helper.uv.new_timer()
        timer:start(0, 50, helper.wrap(function()
          at = at + 1
          if socket.destroyed or at > 40 then return timer:close() end
          socket:write(bytes:sub(at, at))
        end))
      end, "within 300 ms", short)
      fails("ECONNRESET", function(_, _, socket) socket:resetAndDestroy() end, "ECONNRESET")
    end)

    it("that nobody is at, tells of that", function()
      free_port(function(port)
        serve(certs.rsa, { url = ("http://127.0.0.1:%d/"):format(port) }, function(case)
          case.when("ECONNREFUSED", function()
            assert.equal(port, case.errors[1].port)
            case.done()
          end)
        end)
      end)
      helper.run()
    end)

    it("asks as RFC 5019 wants it, and reads any form of answer", function()
      local response = good()
      local chunks = ""
      for at = 1, #response, 100 do
        local part = response:sub(at, at + 99)
        chunks = chunks .. ("%X;x=y\r\n"):format(#part) .. part .. "\r\n"
      end
      for _, answer in ipairs {
        http(response), http(response, ""), http(chunks .. "0\r\nX: y\r\n\r\n", "Transfer-Encoding: Chunked\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\n" .. http(response), (http(response):gsub("^HTTP/1.1 200 OK", "HTTP/1.0 200")),
      } do
        with_fake(raw(answer), function(case)
          case.when("good", function()
            local request = case.responder.requests[1]
            assert.equal("POST /ocsp HTTP/1.1", request.line)
            assert.is_truthy(request.head:find("Content-Type: application/ocsp-request\r\n", 1, true))
            assert.is_truthy(request.head:find(("Host: 127.0.0.1:%d\r\n"):format(case.responder.port), 1, true))
            case.visit({ ocsp = "require" }, function(stapled)
              assert.equal(response, stapled)
              case.done()
            end)
          end)
        end)
      end
    end)
  end)

  describe("in time", function()
    it("makes no handshake wait", function()
      local reply_now
      with_fake(function(_, reply) reply_now = reply end, function(case)
        helper.soon(function() return reply_now ~= nil end, function()
          case.visit({ ocsp = "check" }, function(response, failure)
            assert.is_nil(response)
            assert.is_nil(failure)
            reply_now(good())
            case.when("good", function()
              case.visit({ ocsp = "require" }, function(_, none)
                assert.is_nil(none)
                case.done()
              end)
            end)
          end)
        end)
      end)
    end)

    it("asks again when half of the time is over", function()
      local at = {}
      with_fake(function(_, reply)
        local now = os.time()
        at[#at + 1] = helper.uv.hrtime() / 1e6
        reply(good(nil, { this_update = now - 30 + #at, next_update = now + 30 + #at }))
      end, function(case)
        helper.soon(function() return #case.events == 2 end, function()
          assert.same({ "good", "good" }, case.events)
          assert.is_true(at[2] - at[1] >= 400) -- and not after retryDelay, 20 ms
          case.done()
        end)
      end)
    end)

    it("keeps a good response while the responder is down, up to its end, and then has none", function()
      local now = os.time()
      local response = good(nil, { this_update = now - 60, next_update = now + 3 })
      local count = 0
      with_fake(function(_, reply, socket)
        count = count + 1
        if count == 1 then return reply(response) end
        socket:destroy()
      end, function(case)
        helper.soon(function() return count >= 3 end, function()
          case.visit({}, function(stapled)
            if os.time() < now + 3 then assert.equal(response, stapled) end -- may not run: on a slow machine
            helper.soon(function() return os.time() > now + 3 end, function()
              case.visit({}, function(late)
                assert.is_nil(late)
                assert.is_false(case.stapler:list()[1].isStapled)
                case.done()
              end)
            end)
          end)
        end)
      end)
    end)

    it("waits twice as long after each failure, up to a bound", function()
      local at = {}
      with_fake(function(_, _, socket)
        at[#at + 1] = helper.uv.hrtime() / 1e6
        socket:destroy()
      end, function(case)
        helper.soon(function() return #at == 6 end, function()
          for i, least in ipairs { 18, 36, 72, 72, 72 } do assert.is_true(at[i + 1] - at[i] >= least - 2) end
          assert.is_true(#case.errors >= 5)
          case.done()
        end)
      end)
    end)

    it("takes no answer that is older than the one it has", function()
      local new, old = good(nil, { this_update = os.time() - 60 }), good(nil, { this_update = os.time() - 3600 })
      local count = 0
      with_fake(function(_, reply)
        count = count + 1
        reply(count == 1 and new or old)
      end, function(case)
        case.when("good", function()
          case.stapler:refresh()
          case.when("ERR_OCSP_REPLAYED", function()
            case.visit({}, function(response)
              assert.equal(new, response)
              case.done()
            end)
          end)
        end)
      end)
    end)

    it("staples a revocation in the place of a good response", function()
      local current = good(nil, { this_update = os.time() - 600 })
      with_fake(function(_, reply) reply(current) end, function(case)
        case.when("good", function()
          current = good(nil, { status = "revoked" })
          case.stapler:refresh()
          case.when("revoked", function()
            case.visit({ ocsp = "check" }, function(_, failure)
              assert.equal("ERR_OCSP_REVOKED", failure)
              case.done()
            end)
          end)
        end)
      end)
    end)
  end)

  describe("to whom", function()
    -- A responder that knows both certificates: which of them a request is about, its number tells.
    local function about_any(list)
      local by_request = {}
      for _, cert in ipairs(list) do
        by_request[core.ocsp.request(core.x509(cert.cert), core.x509(CA.cert))] = good(cert)
      end
      return function(request, reply) reply(by_request[request.body] or ocsp.refusal(6)) end
    end

    local function assert_about(cert, response)
      local answer, err = tls.ocsp.verify(response or "", cert.cert, CA.cert)
      assert.is_nil(err)
      assert.equal("good", answer.status)
    end

    local CASES = {
      addContext = function(case, context) case.server:addContext("localhost", context) end,
      setSecureContext = function(case, context) case.server:setSecureContext(context) end,
    }
    for name, change in pairs(CASES) do
      it("the certificates of " .. name .. ", later as well", function()
        with_fake(about_any { certs.rsa, certs.ecdsa }, function(case)
          case.when("good", function()
            change(case, { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = CA.cert })
            helper.soon(function() return #case.events == 2 end, function()
              case.visit({}, function(response)
                assert_about(certs.ecdsa, response)
                case.done()
              end)
            end)
          end)
        end)
      end)
    end

    it("those of addContext from before", function()
      local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, ca = CA.cert }
      server:addContext("localhost", { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = CA.cert })
      local stapler = tls.ocsp.staple(server, { url = "http://127.0.0.1:1/" })
      assert.equal(2, #stapler:list())
      stapler:stop()
      assert.same({}, stapler:list())
      helper.run()
    end)

    it("contexts that SNICallback makes, once they were seen", function()
      local function sni(_, callback)
        callback(nil, tls.createSecureContext { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = CA.cert })
      end
      local answer, asked, visited = about_any { certs.rsa, certs.ecdsa }, 0, false
      with_fake(function(request, reply)
        asked = asked + 1
        helper.soon(function() return asked == 1 or visited end, function() answer(request, reply) end)
      end, function(case)
        case.when("good", function()
          case.visit({}, function(first)
            assert.is_nil(first)
            visited = true
            helper.soon(function() return #case.events == 2 end, function()
              case.visit({}, function(second) -- with a context made anew
                assert_about(certs.ecdsa, second)
                case.done()
              end)
            end)
          end)
        end)
      end, nil, nil, { SNICallback = sni })
    end)

    it("each of two certificates in one context", function()
      with_fake(about_any { certs.rsa, certs.ecdsa }, function(case)
        helper.soon(function() return #case.events == 2 end, function()
          local ciphers = { ecdsa = "ECDHE-ECDSA-AES128-GCM-SHA256", rsa = "ECDHE-RSA-AES128-GCM-SHA256" }
          case.visit({ maxVersion = "TLSv1.2", ciphers = ciphers.rsa }, function(of_rsa)
            assert_about(certs.rsa, of_rsa)
            case.visit({ maxVersion = "TLSv1.2", ciphers = ciphers.ecdsa }, function(of_ecdsa)
              assert_about(certs.ecdsa, of_ecdsa)
              case.done()
            end)
          end)
        end)
      end, nil, nil, { cert = { certs.rsa.cert, certs.ecdsa.cert }, key = { certs.rsa.key, certs.ecdsa.key } })
    end)

    it("nobody, while a listener of 'OCSPRequest' answers", function()
      local mine = good(nil, { this_update = os.time() - 1000 })
      with_fake(about_any { certs.rsa }, function(case)
        case.when("good", function()
          local answer = mine
          local function listener(_, _, callback) callback(nil, answer) end
          case.server:on("OCSPRequest", listener)
          case.visit({}, function(response)
            assert.equal(mine, response)
            answer = nil
            case.visit({}, function(none)
              assert.is_nil(none)
              case.server:removeListener("OCSPRequest", listener)
              case.visit({}, function(ours)
                assert_about(certs.rsa, ours)
                case.done()
              end)
            end)
          end)
        end)
      end)
    end)

    it("nobody who does not ask", function()
      with_fake(about_any { certs.rsa }, function(case)
        case.when("good", function()
          case.visit({ requestOCSP = false }, function(response, failure)
            assert.is_nil(response)
            assert.is_nil(failure)
            case.done()
          end)
        end)
      end)
    end)
  end)

  describe("in a folder", function()
    it("keeps responses for a server that starts again", function()
      local folder = ocsp.folder "kept"
      local response = good()
      with_fake(function(_, reply) reply(response) end, function(case)
        case.when("good", case.done)
      end, nil, { folder = folder })
      serve(certs.rsa, { folder = folder, url = "http://127.0.0.1:1/" }, function(case)
        case.when("good", function()
          case.visit({ ocsp = "require" }, function(stapled)
            assert.equal(response, stapled)
            assert.same({ "good" }, case.events) -- the responder, where nobody is, was not asked
            case.done()
          end)
        end)
      end)
      helper.run()
    end)

    it("believes nothing that does not verify", function()
      local folder = ocsp.folder "changed"
      local name = core.x509(certs.rsa.cert).fingerprint256:gsub(":", ""):lower() .. ".ocsp"
      ocsp.write(folder .. "/" .. name, good(certs.ecdsa))
      with_fake(function(_, reply) reply(good()) end, function(case)
        case.when("good", function()
          assert.same({ "ERR_OCSP_OTHER_CERTIFICATE", "good" }, case.events)
          assert.equal("good", tls.ocsp.verify(ocsp.read(folder .. "/" .. name), certs.rsa.cert, CA.cert).status)
          case.done()
        end)
      end, nil, { folder = folder })
    end)

    it("that is there no more, tells of that, and staples all the same", function()
      local folder = ocsp.folder "gone"
      with_fake(function(_, reply)
        assert(uv.fs_rmdir(folder))
        reply(good())
      end, function(case)
        case.when("good", function()
          assert.same({ "ENOENT", "good" }, case.events)
          assert.is_truthy(case.errors[1].path:find(folder, 1, true))
          case.visit({ ocsp = "require" }, function(_, failure)
            assert.is_nil(failure)
            case.done()
          end)
        end)
      end, nil, { folder = folder })
    end)
  end)

  describe("and its end", function()
    it("staples no more after stop()", function()
      with_fake(function(_, reply) reply(good()) end, function(case)
        case.when("good", function()
          assert.equal(case.stapler, case.stapler:stop())
          assert.equal(case.stapler, case.stapler:stop())
          case.visit({}, function(response)
            assert.is_nil(response)
            case.stapler = tls.ocsp.staple(case.server, { url = case.responder.url })
            case.stapler:on("staple", helper.expect(function() case.done() end))
          end)
        end)
      end)
    end)

    it("may come in its own events, and while it asks", function()
      with_fake(function(_, reply) reply "junk" end, function(case)
        case.on_event = function() case.stapler:stop() end
        helper.soon(function() return #case.events == 1 end, function()
          helper.turns(20, function()
            assert.same({ "ERR_OCSP_MALFORMED" }, case.events)
            case.done()
          end)
        end)
      end)
      with_fake(function() end, function(case)
        helper.soon(function() return case.responder.count == 1 end, function()
          case.stapler:stop()
          assert.same({}, case.events)
          case.done()
        end)
      end)
    end)

    it("does not keep the loop running", function()
      fake_responder.start(function() end, function(responder)
        local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, ca = CA.cert }
        local stapler = tls.ocsp.staple(server, { url = responder.url })
        helper.soon(function() return responder.count == 1 end, function()
          assert.is_true(stapler:list()[1].asking)
          responder.stop()
          stapler:stop()
        end)
      end)
      helper.run()
      local program = ([[
        local tls = require "tls"
        local dir = os.getenv "TLS_CERTS"
        local server = tls.createServer { key = { file = dir .. "/rsa.key" }, cert = { file = dir .. "/rsa.crt" },
          ca = { file = dir .. "/ca.crt" } }
        tls.ocsp.staple(server, { url = "http://127.0.0.1:%d/", retryDelay = 100000 })
        require("luv").run()
        print "ended"
      ]])
      fake_responder.start(function() end, function(responder)
        Child.spawn({ require("spec.support.luas").this.name, "-e", program:format(responder.port) },
          helper.expect(function(_, output)
            assert.is_truthy(output:find("ended", 1, true), output)
            responder.stop()
          end), { env = { "TLS_CERTS=" .. certs.dir } })
      end)
      helper.run(20000)
    end)
  end)

  it("tells of what can never work, once", function()
    local function told(cert, options, server_options, code, text)
      serve(cert, merged({ url = "http://127.0.0.1:1/" }, options), function(case)
        case.when(code, function()
          assert.is_truthy(case.errors[1].message:find(text, 1, true), case.errors[1].message)
          helper.turns(10, function()
            assert.same({ code }, case.events)
            case.done()
          end)
        end)
      end, server_options)
      helper.run()
    end
    told(certs.rsa, {}, { ca = certs.otherca.cert }, "ERR_OCSP_NO_ISSUER", "issuer is not known")
    told(certs.selfsigned, {}, nil, "ERR_OCSP_NO_ISSUER", "issuer is not known")
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, ca = CA.cert }
    local stapler, codes = tls.ocsp.staple(server), {}
    stapler:on("error", function(err) codes[#codes + 1] = err.code end)
    helper.turns(5, function()
      assert.same({ "ERR_OCSP_URL" }, codes) -- the certificate has no address
      stapler:stop()
    end)
    helper.run()
  end)

  it("needs no listener for its errors", function()
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, ca = CA.cert }
    local stapler = tls.ocsp.staple(server)
    helper.turns(5, function()
      assert.equal("ERR_OCSP_URL", stapler:list()[1].error.code)
      stapler:stop()
    end)
    helper.run()
  end)

  it("throws for an address and a folder that can never do", function()
    local server = tls.createServer {}
    for _, url in ipairs { "https://127.0.0.1/", "http://", "http://a b/", "http://u@h/", "http://h:0/", "ocsp" } do
      local ok, err = pcall(tls.ocsp.staple, server, { url = url })
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_VALUE", err.code)
      assert.truthy(err.message:find("'options.url' must be the address of a responder", 1, true), err.message)
    end
    for _, folder in ipairs { "/nowhere", "/etc/passwd" } do
      local ok, err = pcall(tls.ocsp.staple, server, { folder = folder })
      assert.is_false(ok)
      assert.truthy(err.message:find("'options.folder' must be a folder that exists", 1, true), err.message)
    end
    tls.ocsp.staple(server):stop() -- nothing of these stays
  end)

  it("throws for what are no arguments of its", function()
    local server = tls.createServer {}
    local function refuse(code, text, ...)
      local ok, err = pcall(tls.ocsp.staple, ...)
      assert.is_false(ok)
      assert.equal(code, err.code)
      assert.is_truthy(err.message:find(text, 1, true), err.message)
    end
    refuse("ERR_INVALID_ARG_TYPE", '"server" argument')
    refuse("ERR_INVALID_ARG_TYPE", '"server" argument', require("tls.net").createServer())
    refuse("ERR_INVALID_ARG_VALUE", "has no option 'uri'", server, { uri = "x" })
    refuse("ERR_INVALID_ARG_TYPE", "options.timeout", server, { timeout = "1" })
    refuse("ERR_OUT_OF_RANGE", "options.retryDelay", server, { retryDelay = 0 })
    local stapler = tls.ocsp.staple(server)
    refuse("ERR_INVALID_STATE", "has a stapler already", server)
    stapler:stop()
  end)
end)
