-- tls.ocsp.staple against what its surroundings may do to it: clocks that are set, files that are none, addresses and
-- answers that are odd, and changes while a question is under way.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local core = require "tls.core"
local fake_responder = require "spec.support.fake_responder"
local merged = require "spec.support.merged"
local ocsp = require "spec.support.ocsp_responses"
local openssl = require "spec.support.openssl"
local tls = require "tls"

local it = openssl.with("ocsp", it, function(why) pending(why) end)
local uv, http = helper.uv, fake_responder.http
local LEAF, CA = certs.rsa, certs.ca
local YEARS = 10 * 365 * 86400

local function good(more) return ocsp.response(merged({ cert = LEAF, issuer = CA }, more)) end

--- A server with a stapler, which need not listen. case.events has what the stapler tells: "good", codes of errors.
local function serve(cert, options, server_options)
  local case = { events = {} }
  case.server = tls.createServer(merged({ key = cert.key, cert = cert.cert, ca = CA.cert }, server_options))
  case.stapler = tls.ocsp.staple(case.server, merged({ retryDelay = 20, maxRetryDelay = 80, timeout = 20000 }, options))
  local function note(value)
    case.events[#case.events + 1] = value
    if case.on_event then case.on_event(value) end
  end
  case.stapler:on("staple", helper.wrap(function(answer) note(answer.status) end))
  case.stapler:on("error", helper.wrap(function(err)
    case.err = err
    note(err.code)
  end))
  return case
end

--- The same, with a responder of its own: answer(request, reply, socket). fn(case) at once; it ends by case.done().
local function with_fake(answer, fn, options, server_options)
  fake_responder.start(answer, function(responder)
    local case = serve(LEAF, merged({ url = responder.url }, options), server_options)
    case.responder = responder
    function case.done()
      case.stapler:stop()
      responder.stop()
    end
    fn(case)
  end)
  helper.run(20000)
end

--- fn() once the stapler has told so.
local function when(case, event, fn)
  fn = helper.expect(fn)
  case.on_event = function(told)
    if told ~= event then return end
    case.on_event = nil
    fn()
  end
end

describe("tls.ocsp.staple", function()
  local now = os.time
  teardown(ocsp.clean)
  after_each(function() os.time = now end) -- luacheck: ignore 122

  local function set_clock(seconds)
    os.time = function(...) return now(...) + (select("#", ...) == 0 and seconds or 0) end -- luacheck: ignore 122
  end

  describe("in time", function()
    it("asks again though the clock was set back by years", function()
      set_clock(YEARS) -- as a machine may begin, whose battery is empty
      with_fake(function(_, reply) reply(good { this_update = now() - 60, next_update = now() + 86400 }) end,
        function(case)
          when(case, "ERR_OCSP_RESPONDER", function() -- the issuer has expired, at that time
            set_clock(0)
            case.events = {}
            when(case, "good", function()
              assert.same({ "good" }, case.events)
              case.done()
            end)
          end)
        end)
    end)

    it("asks again though the clock was set back while a response was good", function()
      local count = 0
      with_fake(function(_, reply)
        count = count + 1
        set_clock(0) -- it has asked; the authority may be younger than the clock says
        reply(good { this_update = now() - 30, next_update = now() + 32 + count }) -- half of it is over soon
      end, function(case)
        when(case, "good", function()
          set_clock(-200)
          when(case, "good", function()
            assert.equal(2, count)
            case.done()
          end)
        end)
      end)
    end)

    it("has no response whose time is over, whatever clients tolerate", function()
      local current = good { this_update = now() - 7200, next_update = now() - 60 }
      with_fake(function(_, reply) reply(current) end, function(case)
        when(case, "ERR_OCSP_EXPIRED", function()
          assert.is_false(case.stapler:list()[1].isStapled)
          current = good()
          when(case, "good", function()
            assert.is_true(case.stapler:list()[1].isStapled)
            case.done()
          end)
        end)
      end)
    end)

    it("keeps a good response when a newer one is over already", function()
      local current = good { this_update = now() - 7200 }
      with_fake(function(_, reply) reply(current) end, function(case)
        when(case, "good", function()
          current = good { this_update = now() - 3600, next_update = now() - 60 }
          case.stapler:refresh()
          when(case, "ERR_OCSP_EXPIRED", function()
            assert.is_true(case.stapler:list()[1].isStapled)
            case.done()
          end)
        end)
      end)
    end)
  end)

  describe("in a folder", function()
    local name = core.x509(LEAF.cert).fingerprint256:gsub(":", ""):lower() .. ".ocsp"

    local function begin_with(make, events)
      local folder = uv.fs_realpath(ocsp.folder "hostile")
      make(folder .. "/" .. name, folder)
      local response = good()
      with_fake(function(_, reply) reply(response) end, function(case)
        when(case, "good", function()
          assert.same(events, case.events)
          assert.equal(response, ocsp.read(folder .. "/" .. name))
          case.done()
        end)
      end, { folder = folder })
      return folder
    end

    it("waits for no pipe of a response's name", function()
      begin_with(function(path) assert(os.execute(("mkfifo '%s'"):format(path))) end, { "ERR_OCSP_MALFORMED", "good" })
    end)

    it("replaces what is cut off, empty, too large, or a link to anything", function()
      local function bytes(text) return function(path) ocsp.write(path, text) end end
      begin_with(bytes(good():sub(1, -2)), { "ERR_OCSP_MALFORMED", "good" })
      begin_with(bytes "", { "ERR_OCSP_MALFORMED", "good" })
      begin_with(bytes(("x"):rep(65536)), { "ERR_FS_FILE_TOO_LARGE", "good" })
      begin_with(function(path) uv.fs_symlink("/dev/zero", path) end, { "ERR_FS_FILE_TOO_LARGE", "good" })
      begin_with(function(path) uv.fs_symlink(path, path) end, { "ELOOP", "good" })
      local folder = begin_with(function(path, folder)
        ocsp.write(folder .. "/victim", "untouched")
        uv.fs_symlink(folder .. "/victim", path)
      end, { "ERR_OCSP_MALFORMED", "good" })
      assert.equal("untouched", ocsp.read(folder .. "/victim"))
    end)

    it("writes through no link that somebody has put beside it", function()
      local folder = begin_with(function(path, folder)
        ocsp.write(folder .. "/victim", "untouched")
        uv.fs_symlink(folder .. "/victim", ("%s.%d.new"):format(path, uv.os_getpid()))
      end, { "good" })
      assert.equal("untouched", ocsp.read(folder .. "/victim"))
    end)

    it("tells of a folder in the place of a file, and staples all the same", function()
      local folder = uv.fs_realpath(ocsp.folder "folders")
      uv.fs_mkdir(folder .. "/" .. name, 493)
      with_fake(function(_, reply) reply(good()) end, function(case)
        when(case, "good", function()
          assert.same({ "EISDIR", "EISDIR", "good" }, case.events)
          local left = uv.fs_scandir(folder)
          assert.equal(name, (uv.fs_scandir_next(left)))
          assert.is_nil((uv.fs_scandir_next(left))) -- nothing that was written beside
          case.done()
        end)
      end, { folder = folder })
    end)
  end)

  describe("by the address in a certificate", function()
    --- What the stapler makes of a certificate with these addresses: the one that it asks, and the error.
    local function address_of(...)
      local cert = ocsp.certificate("CN=localhost", CA, { ocsp.LOCALHOST, "authorityInfoAccess=" ..
        table.concat({ ... }, ",") })
      local case = serve(cert, { retryDelay = 100000 })
      local state = case.stapler:list()[1]
      local code
      helper.turns(3, function()
        code = case.err and case.err.code
        case.stapler:stop()
      end)
      helper.run()
      return state.url, code
    end

    it("takes the first of plain HTTP", function()
      local list = {
        "OCSP;URI:https://127.0.0.1:1/", "OCSP;URI:ldap://127.0.0.1:1/", "caIssuers;URI:http://127.0.0.1:2/",
        "OCSP;URI:http://", "OCSP;URI:http://127.0.0.1:0/", "OCSP;URI:http://127.0.0.1:3/",
      }
      for i = 4, 100 do list[#list + 1] = ("OCSP;URI:http://127.0.0.1:%d/"):format(i) end
      assert.equal("http://127.0.0.1:3/", (address_of((table.unpack or unpack)(list))))
      assert.equal("http://[::1]:1/", (address_of "OCSP;URI:http://[::1]:1/"))
    end)

    it("asks nobody at one that is none, or would be two requests", function()
      for _, url in ipairs { "https://127.0.0.1/", "http://127.0.0.1:0/", "http://u:p@127.0.0.1/", "file:///etc/passwd",
        [[http://127.0.0.1:1/\r\nX-Y: z]], [[http://127.0.0.1:1/\nX]], "http://127.0.0.1:1/a b" } do
        local _, code = address_of("OCSP;URI:" .. url)
        assert.equal("ERR_OCSP_URL", code, url)
      end
    end)

    it("reads none out of another one", function()
      for _, inside in ipairs { [[http://127.0.0.1:1/OCSP - URI:http://127.0.0.1:2/]],
        [[http://127.0.0.1:1/\nOCSP - URI:http://127.0.0.1:2/]] } do
        local url, code = address_of("caIssuers;URI:" .. inside)
        assert.is_nil(url)
        assert.equal("ERR_OCSP_URL", code)
      end
    end)
  end)

  describe("at a responder", function()
    local function fails(code, text, answer)
      local ended
      with_fake(function(request, reply, socket)
        socket:on("close", function() ended = true end)
        answer(request, reply, socket)
      end, function(case)
        when(case, code, function()
          assert.is_truthy(case.err.message:find(text, 1, true), case.err.message)
          case.stapler:stop()
          helper.soon(function() return ended end, case.responder.stop)
        end)
      end, { retryDelay = 100000 })
    end

    local function raw(bytes)
      return function(_, _, socket) socket:finish(bytes) end
    end

    -- Sends the same again and again, until nobody reads any more.
    local function without_end(first, again)
      return function(_, _, socket)
        local sent = 0
        local function more()
          while not socket.destroyed and sent < 64 * 2 ^ 20 do
            sent = sent + #again
            if not socket:write(again) then return end
          end
        end
        socket:on("drain", more)
        socket:write(first)
        more()
      end
    end

    it("that never ends, reads no more than there may be", function()
      local junk = ("x"):rep(65536)
      fails("ERR_OCSP_HTTP", "65535 bytes", without_end("HTTP/1.1 200 OK\r\n\r\n", junk))
      fails("ERR_OCSP_HTTP", "65535 bytes", without_end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ("1000\r\n%s\r\n"):format(("x"):rep(4096))))
      fails("ERR_OCSP_HTTP", "too many chunks", without_end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ("1\r\nx\r\n"):rep(100)))
      fails("ERR_OCSP_HTTP", "line that is too long", without_end("HTTP/1.1 200 OK\r\nX: ", junk))
      fails("ERR_OCSP_HTTP", "too many headers", without_end("HTTP/1.1 200 OK\r\n", ("X: y\r\n"):rep(1000)))
      fails("ERR_OCSP_HTTP", "too many headers", without_end("", ("HTTP/1.1 100 Continue\r\n\r\n"):rep(100)))
      fails("ERR_OCSP_HTTP", "too many trailers", without_end(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", ("X: y\r\n"):rep(1000)))
    end)

    it("that answers something else, tells of that", function()
      local response = good()
      fails("ERR_OCSP_HTTP", "status 204", raw "HTTP/1.1 204 No Content\r\n\r\n")
      fails("ERR_OCSP_HTTP", "status 206", raw(http(response, nil, "206 Partial Content")))
      for _, status in ipairs { "301", "303", "307", "308" } do
        fails("ERR_OCSP_HTTP", "status " .. status,
          raw(http("", "Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n", status .. " There")))
      end
      fails("ERR_OCSP_MALFORMED", "malformed", raw(http("\31\139\8" .. response, "Content-Encoding: gzip\r\n")))
      fails("ERR_OCSP_MALFORMED", "malformed", raw(http("<html></html>")))
      fails("ERR_OCSP_HTTP", "cut off", raw(http(response, "Content-Length: 4000\r\n")))
      fails("ERR_OCSP_HTTP", "cut off", raw "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
      fails("ERR_OCSP_HTTP", "length that is none", raw(http(response, "Content-Length: -1\r\n")))
    end)
  end)

  describe("while a question is under way", function()
    local function asked(case, fn)
      helper.soon(function() return case.responder.count == 1 end, fn)
    end

    it("may lose its server, and tells nothing more", function()
      with_fake(function() end, function(case)
        case.server:listen(0, "127.0.0.1", helper.expect(function()
          asked(case, function()
            case.server:close(helper.expect(function()
              assert.is_true(case.stapler.stopped)
              helper.soon(function() return next(case.responder.sockets) == nil end, function()
                assert.same({}, case.events)
                case.responder.stop()
              end)
            end))
          end)
        end))
      end)
    end)

    it("may get another context with the same certificate, and staples to both", function()
      local reply_now
      with_fake(function(_, reply) reply_now = reply end, function(case)
        local own = { key = LEAF.key, cert = LEAF.cert, ca = CA.cert }
        asked(case, function()
          case.server:setSecureContext(own)
          case.server:addContext("x.example.test", own)
          reply_now(good())
          when(case, "good", function()
            local count = 0
            local stapled = select(2, next(case.stapler._by_der))
            for context in pairs(stapled.contexts) do
              if context._native then count = count + 1 end
            end
            assert.is_true(count >= 2)
            assert.equal(1, case.responder.count)
            case.done()
          end)
        end)
      end)
    end)

    it("survives the collector", function()
      local reply_now
      with_fake(function(_, reply) reply_now = reply end, function(case)
        asked(case, function()
          for _ = 1, 3 do collectgarbage() end
          reply_now(good())
          when(case, "good", function() case.done() end)
        end)
      end)
    end)

    it("may be told of more certificates by its own listeners", function()
      local server = tls.createServer { key = LEAF.key, cert = LEAF.cert, ca = CA.cert }
      for i, other in ipairs { certs.ecdsa, certs.p384 } do
        server:addContext(i .. ".example.test", { key = other.key, cert = other.cert, ca = CA.cert })
      end
      local stapler, told = tls.ocsp.staple(server), 0 -- none of these certificates has an address
      local more = { certs.ed25519, certs.wildcard, certs.iponly, certs.agent, certs.wrongname, certs.clientonly,
        certs.revoked }
      stapler:on("error", function()
        told = told + 1
        local cert = table.remove(more)
        if cert then server:addContext("y.example.test", { key = cert.key, cert = cert.cert, ca = CA.cert }) end
      end)
      stapler:refresh()
      helper.turns(5, function()
        assert.equal(10, #stapler:list())
        assert.is_true(told >= 10)
        stapler:stop()
      end)
      helper.run()
    end)
  end)

  it("forgets a certificate that nobody has any more", function()
    with_fake(function(_, reply) reply(good { this_update = now() - 30, next_update = now() + 32 }) end, function(case)
      when(case, "good", function()
        case.server:setSecureContext { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = CA.cert }
        helper.soon(function()
          collectgarbage()
          local list = case.stapler:list()
          return #list == 1 and list[1].serialNumber == core.x509(certs.ecdsa.cert).serialNumber
        end, function()
          assert.is_nil(next(case.stapler._by_der, (next(case.stapler._by_der))))
          case.done()
        end)
      end)
    end)
  end)
end)
