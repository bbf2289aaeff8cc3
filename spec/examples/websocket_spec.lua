-- examples/websocket/client.lua with a server of Node's, and with one that does what none may do.
require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local bytes = dofile "examples/bytes.lua"
local protocol = dofile "examples/websocket/protocol.lua"

local function serve(visitor)
  if not programs.find "node" then pending "skipped: there is no node" end
  return programs.serve({ programs.find "node", "spec/support/websocket_server.js", certs.rsa.key_file,
    certs.rsa.cert_file }, visitor)
end

local function command(port, path, ca)
  return example("websocket/client.lua", ("wss://localhost:%d%s"):format(port, path), ca or certs.ca.cert_file)
end

local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

describe("examples/websocket/client.lua", function()
  it("sends messages and gets them, and ends well", function()
    local lines = { "hello", "", ("x"):rep(125), ("y"):rep(126), ("z"):rep(65535), ("w"):rep(65536), "\195\188ber" }
    local printed = serve(function(port)
      local status, output = programs.run(command(port, "/echo"), table.concat(lines, "\n") .. "\n")
      assert.same({ 0, table.concat(lines, "\n") .. "\n" }, { status, output })
    end)
    assert.matches("closed 03e8\n", printed)
    local masks, count = {}, 0
    for mask in printed:gmatch "mask (%x+)" do
      if not masks[mask] then count = count + 1 end
      masks[mask] = true
    end
    assert.equal(#lines, count) -- each with another mask
  end)

  it("answers pings, between the parts of a message as well, and puts those together", function()
    local printed = serve(function(port, server)
      for _, path in ipairs { "/ping", "/parts" } do
        local client = programs.start(command(port, path))
        if path == "/parts" then programs.wait_for(client, "one, two, three\n") end
        programs.wait_for(server, path == "/ping" and "pong are you there" or "pong \n")
        client.stdin:shutdown()
        while not client.status do co.sleep(1) end
        assert.equal(0, client.status)
      end
    end)
    assert.truthy(printed:find("pong are you there?\n", 1, true), printed)
  end)

  it("answers a server that closes, and ends", function()
    local printed = serve(function(port, server)
      local client = programs.start(command(port, "/bye"))
      while not client.status do co.sleep(1) end
      assert.same({ 0, "" }, { client.status, client.output })
      programs.wait_for(server, "closed 0378\n")
    end)
    assert.is_nil(printed:find("not masked", 1, true))
  end)

  it("gives up where a server breaks the rules, and says why", function()
    local printed = serve(function(port, server)
      for path, problem in pairs {
        ["/masked"] = "a server masks nothing", ["/reserved"] = "a bit that nobody has agreed on",
        ["/continued"] = "a frame that does not belong there", ["/longping"] = "a control frame that is too long",
        ["/huge"] = "a message that is too long", ["/cut"] = "the server has ended the connection",
        ["/wrong"] = "the server has not understood that this is a WebSocket",
      } do
        local client = programs.start(command(port, path))
        while not client.status or client.parts > 0 do co.sleep(1) end
        assert.same({ 1, "client.lua: " .. problem .. "\n" }, { client.status, client.output })
      end
      programs.wait_for(server, "closed 03f1") -- 1009
      programs.wait_for(server, "closed 03ea") -- 1002
    end)
    assert.is_nil(printed:find("mask ", 1, true))
  end)

  it("talks with no server that is not trusted, or that knows no WebSocket", function()
    serve(function(port)
      local status, output = programs.run(command(port, "/echo", certs.otherca.cert_file), "secret\n")
      assert.equal(1, status)
      assert.truthy(output:find("unable to verify", 1, true), output)
    end)
    tasks.run(function()
      local server = assert(co.listen({ host = "127.0.0.1", port = 0, key = certs.rsa.key, cert = certs.rsa.cert },
        function(socket)
          assert.truthy(socket:read_until "\r\n\r\n":find("\r\nHost: localhost:", 1, true))
          socket:finish "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        end))
      local status, output = programs.run(command(server:address().port, "/x"), "")
      assert.same({ 1, "client.lua: no WebSocket: the server answers 404\n" }, { status, output })
      server:close()
    end)
  end)

  -- A server that opens a WebSocket, sends these bytes, and hears what the client says: the codes of its closing.
  local function told(sent, input, options)
    local status, output, heard = nil, nil, ""
    tasks.run(function()
      local server = tasks.serve({ cert = certs.rsa.cert, key = certs.rsa.key }, function(socket)
        local key = (socket:read_until "\r\n\r\n" .. "\r\n"):match "Sec%-WebSocket%-Key: (%S+)\r\n"
        socket:write("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", "Sec-WebSocket-Accept: ",
          protocol.accept(key), "\r\n\r\n", sent)
        heard = socket:read "a" or ""
      end)
      local client = command(server:address().port, "/")
      client[#client + 1] = options and options.seconds
      client = programs.start(client)
      if input then
        client:write(input)
        client.stdin:shutdown()
      end
      while not client.status or client.parts > 0 do co.sleep(1) end
      status, output = client.status, client.output
      server:close()
    end)
    local code = ""
    local mask, text = heard:match "^\136\130(....)(..)$" -- a close of two bytes, and nothing else
    for i = 1, mask and 2 or 0 do
      local unmasked = hex(protocol.frame(8, text, mask)):sub(13) -- to mask twice is to unmask
      code = code .. unmasked:sub(2 * i - 1, 2 * i)
    end
    return status, output, tonumber(code, 16), heard
  end

  local function frame(first, text) return string.char(first, #text) .. text end

  it("believes no length, kind or part of a frame that the standard does not have", function()
    for sent, expected in pairs {
      ["\130\127\128" .. ("\0"):rep(7)] = { 1009, "a message that is too long" }, -- 2 ^ 63
      ["\130\127" .. ("\255"):rep(8)] = { 1009, "a message that is too long" },
      ["\2\127\0\0\0\0\0\15\255\255" .. ("x"):rep(1048575) .. "\128\2xx"] = { 1009, "a message that is too long" },
      ["\130\126\0\125"] = { 1002, "a length that is longer than it has to be" },
      ["\130\127\0\0\0\0\0\0\255\255"] = { 1002, "a length that is longer than it has to be" },
      [frame(9, "x")] = { 1002, "a control frame that is too long" }, -- is not the last of its message
      [frame(8, "\3\232")] = { 1002, "a control frame that is too long" },
      ["\137\126\0\200"] = { 1002, "a control frame that is too long" },
      ["\136\127\128"] = { 1002, "a control frame that is too long" },
      [frame(131, "x")] = { 1002, "a frame that does not belong there" },
      [frame(139, "x")] = { 1002, "a frame that does not belong there" },
      [frame(1, "a") .. frame(129, "b")] = { 1002, "a frame that does not belong there" },
      [frame(136, "x")] = { 1002, "half a code" },
      ["\130\130abcdxx"] = { 1002, "a server masks nothing" },
    } do
      local status, output, code = told(sent)
      assert.same({ 1, "client.lua: " .. expected[2] .. "\n" }, { status, output })
      assert.equal(expected[1], code)
    end
  end)

  it("takes texts of UTF-8 alone, in parts as well, and sends no other", function()
    for _, bad in ipairs { frame(129, "\128"), frame(129, "a\192\175"), frame(129, "\237\160\128"),
      frame(129, "\244\144\128\128"), frame(1, "\195") .. frame(128, "x"), frame(129, "\226\130"),
      frame(129, "\248\136\128\128\128") } do
      local status, output, code = told(bad)
      assert.same({ 1, "client.lua: a text that is not UTF-8\n" }, { status, output })
      assert.equal(1007, code)
    end
    local status, output, code = told(frame(1, "\195") .. frame(128, "\188") .. frame(130, "\195x") ..
      frame(129, "\194\155\27[2J") .. frame(136, ""))
    assert.same({ 0, "\195\188\n\195x\n??[2J\n" }, { status, output }) -- a binary one is what it is
    assert.is_nil(code)
    status, output, code = told("", "\195x\n")
    assert.same({ 1, "client.lua: a text has to be UTF-8\n" }, { status, output })
    assert.equal(1000, code)
  end)

  it("knows UTF-8 at its borders", function()
    for _, good in ipairs { "", "a", "\194\128", "\223\191", "\224\160\128", "\237\159\191", "\238\128\128",
      "\239\191\191", "\240\144\128\128", "\244\143\191\191", "x\195\188y\226\130\172z" } do
      assert.is_true(protocol.is_utf8(good), hex(good))
    end
    for _, bad in ipairs { "\191", "\193\191", "\224\159\191", "\237\160\128", "\237\191\191", "\240\143\191\191",
      "\244\144\128\128", "\245\128\128\128", "\248\128\128\128", "\255", "\194", "\226\130", "\226\130a",
      "x\240\144\128" } do
      assert.is_false(protocol.is_utf8(bad), hex(bad))
    end
  end)

  it("puts parts without an end together, and keeps none that are empty", function()
    local status, output = told(frame(1, "a") .. ("\0\0"):rep(50000) .. frame(128, "b") .. frame(136, "\3\232"))
    assert.same({ 0, "ab\n" }, { status, output })
  end)

  it("leaves a server that does not open, does not end a frame, or does not close", function()
    local status, output, code = told("", "", { seconds = "5" })
    assert.same({ 1, "client.lua: the server does not close\n" }, { status, output })
    assert.equal(1000, code)
    status, output = told("\129\5abc", nil, { seconds = "5" })
    assert.equal(1, status)
    assert.matches("^client.lua: .*ERR_TIMEOUT", output)
    tasks.run(function()
      local server = tasks.serve({ onError = function() end }, function(socket)
        socket:write "HTTP/1.1 101 Yes\r\n"
        while socket:write "X: y\r\n" do co.sleep(50) end
      end)
      local client = command(server:address().port, "/")
      client[#client + 1] = "1"
      status, output = programs.run(client, "")
      server:close()
    end)
    assert.equal(1, status)
    assert.matches("^client.lua: .*ERR_TIMEOUT", output)
  end)

  it("reads its lines from a file, too", function()
    serve(function(port)
      local words = table.concat(command(port, "/echo"), " ")
      local status, output = programs.run { "sh", "-c", words .. " <LICENSE | cmp - LICENSE" }
      assert.same({ 0, "" }, { status, output })
    end)
  end)

  it("computes what the standards say", function()
    assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", hex(protocol.sha1 "abc"))
    assert.equal("da39a3ee5e6b4b0d3255bfef95601890afd80709", hex(protocol.sha1 ""))
    assert.equal("84983e441c3bd26ebaae4aa1f95129e5e54670f1",
      hex(protocol.sha1 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))
    assert.equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", protocol.accept "dGhlIHNhbXBsZSBub25jZQ==") -- RFC 6455, 1.3
    for text, expected in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foobar = "Zm9vYmFy" } do
      assert.equal(expected, bytes.base64(text))
    end
    assert.equal(2 ^ 64, bytes.decode(("\255"):rep(8), 1, 8)) -- as near as a float comes
    assert.equal(2 ^ 63, bytes.decode("x\128" .. ("\0"):rep(7), 2, 8))
    assert.equal("\0\1\2", bytes.encode(bytes.decode("\1\2", 1, 2), 3))
    assert.is_nil(bytes.decode("abc", 2, 3))
    assert.equal("818537fa213d7f9f4d5158", hex(protocol.frame(1, "Hello", "\55\250\33\61"))) -- RFC 6455, 5.7
  end)

  it("says how it is used", function()
    tasks.run(function()
      local status, output = programs.run(example("websocket/client.lua", "wss://localhost/", "x", "0"))
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
      local urls = { "", "ws://localhost/", "wss://localhost/\r\nx", "wss://local host/", "wss://local_host/" }
      for _, url in ipairs(urls) do
        status, output = programs.run(example("websocket/client.lua", url, "x"))
        assert.equal(1, status)
        assert.truthy(output:find("usage: ", 1, true))
      end
    end)
  end)
end)
