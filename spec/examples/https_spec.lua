-- examples/https_server.lua with the real curl, and with requests that curl would not send.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local tls = require "tls"

local expect, uv = helper.expect, helper.uv
local LUA = os.getenv "LUA" or "lua5.4"

local folder = os.tmpname()
os.remove(folder)
local big = {}
for i = 1, 5 * 1024 * 1024 / 16 do big[i] = ("%015d\n"):format(i) end
big = table.concat(big)

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
  file:close()
end

local function sh(command) assert(os.execute(command)) end

-- Starts the server, with more words in its command; fn(port, stop, process) visits it.
local function serve(fn, ...)
  local process
  process = child.spawn({ LUA, "examples/https_server.lua", "--dir", folder .. "/www", "--port", "0",
    "--cert", certs.rsa.cert_file, "--key", folder .. "/www/server.txt", ... }, expect())
  process:when("listening on https://[^\n]+:%d+/", function(output)
    fn(output:match ":(%d+)/", function() process:stop() end, process)
  end)
  helper.run(30000)
end

-- curl's output and exit status for each list of words, one after the other.
local function curl(...)
  local jobs = { ... }
  serve(function(port, stop)
    local function go(i)
      local job = jobs[i]
      if not job then return stop() end
      local words = { "curl", "-s", "--path-as-is", "--cacert", certs.ca.cert_file }
      for _, word in ipairs(job) do words[#words + 1] = (word:gsub("URL", "https://localhost:" .. port)) end
      child.spawn(words, expect(function(status, output)
        job.check(output, status)
        go(i + 1)
      end))
    end
    go(1)
  end)
end

-- What the server answers to raw bytes, until it closes or `enough` is in it.
local function raw(port, request, done)
  local socket = tls.connect { port = tonumber(port), host = "localhost", ca = certs.ca.cert }
  local heard = ""
  socket:on("data", function(chunk) heard = heard .. chunk end)
  socket:on("close", expect(function() done(heard) end))
  socket:write(request)
end

describe("the HTTPS file server", function()
  setup(function()
    sh("mkdir -p " .. folder .. "/www/sub " .. folder .. "/www/site")
    write("secret.txt", "secret")
    write("www/big.bin", big)
    write("www/hello.txt", "hello world")
    write("www/a <b>&.txt", "odd")
    write("www/site/index.html", "<h1>index</h1>")
    sh(("ln -s ../secret.txt %s/www/link && ln -s .. %s/www/up"):format(folder, folder))
    -- the key under a name that does not look like one, by other names, and other keys
    write("www/server.txt", certs.rsa.key)
    sh(("cd %s/www && ln server.txt hard.txt && ln -s server.txt soft.txt"):format(folder))
    write("www/ca-key.pem", "secret")
    write("www/other.KEY", "secret")
    write("www/ca-key.pem~", "secret")
    write("www/old.key.bak", "secret")
    sh(("mkdir -p %s/www/.git %s/www/linked"):format(folder, folder))
    write("www/.htpasswd", "secret")
    write("www/.git/config", "secret")
    sh(("cd %s/www && ln -s .htpasswd visible.txt && ln -s ../../secret.txt linked/index.html"):format(folder))
  end)
  teardown(function() sh("rm -r " .. folder) end)

  it("gives whole files, to the byte", function()
    curl({ "URL/big.bin", check = function(output, status)
      assert.equal(0, status)
      assert.is_true(output == big)
    end }, { "-i", "URL/hello.txt", check = function(output)
      assert.matches("^HTTP/1.1 200 OK\r\n", output)
      assert.matches("Content%-Type: text/plain", output)
      assert.matches("Content%-Length: 11\r\n", output)
      assert.matches("Last%-Modified: %a+, %d%d %a+ %d%d%d%d", output)
      assert.matches("\r\n\r\nhello world$", output)
    end })
  end)

  it("gives ranges of each form", function()
    local jobs = {}
    for range, part in pairs {
      ["0-0"] = big:sub(1, 1), ["100-70099"] = big:sub(101, 70100), ["5242000-"] = big:sub(5242001),
      ["-500"] = big:sub(-500), ["-99999999"] = big, ["0-99999999"] = big,
    } do
      jobs[#jobs + 1] = { "-r", range, "-w", "%{http_code}", "URL/big.bin", check = function(output)
        assert.equal("206", output:sub(-3))
        assert.is_true(output:sub(1, -4) == part, range)
      end }
    end
    jobs[#jobs + 1] = { "-i", "-H", "Range: bytes=2-5", "URL/hello.txt", check = function(output)
      assert.matches("Content%-Range: bytes 2%-5/11\r\n", output)
    end }
    jobs[#jobs + 1] = { "-i", "-H", "Range: bytes=11-", "URL/hello.txt", check = function(output)
      assert.matches("^HTTP/1.1 416 ", output)
      assert.matches("Content%-Range: bytes %*/11\r\n", output)
    end }
    for _, header in ipairs { "bytes=0-1,3-4", "bytes=5-2", "lines=1-2", "bytes=-", "bytes=x-y" } do
      jobs[#jobs + 1] = { "-w", "%{http_code}", "-H", "Range: " .. header, "URL/hello.txt", check = function(output)
        assert.equal("hello world200", output)
      end }
    end
    curl((table.unpack or unpack)(jobs))
  end)

  it("answers HEAD without a body, and refuses other methods", function()
    curl({ "-I", "URL/big.bin", check = function(output)
      assert.matches("Content%-Length: 5242880\r\n", output)
      assert.matches("\r\n\r\n$", output)
    end }, { "-i", "-X", "DELETE", "URL/hello.txt", check = function(output)
      assert.matches("^HTTP/1.1 405 ", output)
      assert.matches("Allow: GET, HEAD\r\n", output)
    end })
  end)

  it("lists folders, or gives their index", function()
    curl({ "URL/", check = function(output)
      assert.is_truthy(output:find('<a href="a%20%3Cb%3E%26.txt">a &#60;b&#62;&#38;.txt</a>', 1, true), output)
      assert.is_truthy(output:find('<a href="site/">site/</a>', 1, true))
    end }, { "URL/a%20%3Cb%3E%26.txt", check = function(output) assert.equal("odd", output) end },
    { "URL/site/", check = function(output) assert.equal("<h1>index</h1>", output) end },
    { "-L", "URL/site", check = function(output) assert.equal("<h1>index</h1>", output) end },
    { "-w", "%{http_code}", "-o", "/dev/null", "URL/none", check = function(output) assert.equal("404", output) end })
  end)

  it("gives nothing outside of its folder", function()
    local jobs = {}
    for _, path in ipairs { "/../secret.txt", "/%2e%2e/secret.txt", "/sub/../../secret.txt", "/link", "/up/secret.txt",
      "/..%2fsecret.txt", "/sub/..%2f..%2fsecret.txt", "/hello.txt%00.html", "//etc/passwd", "/up/", "//localhost/",
      "//sub", "/sub/%2e%2e/%2e%2e/secret.txt", "/.%2e/secret.txt", "/%00", "/sub/../../secret.txt%00.txt" } do
      jobs[#jobs + 1] = { "-w", "%{http_code}", "URL" .. path, check = function(output)
        assert.is_truthy(output:find "40[04]$", path .. ": " .. output)
        assert.is_nil(output:find("secret", 1, true))
      end }
    end
    curl((table.unpack or unpack)(jobs))
  end)

  it("gives neither the key, by whatever name, nor other keys, nor hidden files", function()
    local jobs = {}
    for _, path in ipairs { "/server.txt", "/hard.txt", "/soft.txt", "/ca-key.pem", "/other.KEY", "/ca-key.pem~",
      "/old.key.bak", "/.htpasswd",
      "/%2ehtpasswd", "/.git/config", "/.git/", "/.git", "/visible.txt", "/sub/../.htpasswd" } do
      jobs[#jobs + 1] = { "-w", "%{http_code}", "URL" .. path, check = function(output)
        assert.is_truthy(output:find "404$", path .. ": " .. output)
        assert.is_nil(output:find("secret", 1, true) or output:find("PRIVATE", 1, true))
      end }
    end
    jobs[#jobs + 1] = { "URL/", check = function(output)
      assert.is_truthy(output:find("hello.txt", 1, true))
      for _, name in ipairs { "server.txt", "ca-key.pem", "other.KEY", "old.key", ".htpasswd", ".git" } do
        assert.is_nil(output:find(name, 1, true), name)
      end
    end }
    jobs[#jobs + 1] = { "URL/linked/", check = function(output) -- the index leads outside
      assert.is_nil(output:find("secret", 1, true))
    end }
    curl((table.unpack or unpack)(jobs))
  end)

  it("does not give a key that has come in the place of its own", function()
    serve(function(port, stop)
      sh(("cp %s/www/server.txt %s/kept && mv %s/kept %s/www/server.txt"):format(folder, folder, folder, folder))
      raw(port, "GET /server.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", function(heard)
        assert.matches("^HTTP/1.1 404 ", heard)
        stop()
      end)
    end)
  end)

  it("listens on 127.0.0.1, unless told otherwise", function()
    local function visit(host, port, done)
      child.spawn({ "curl", "-sk", "-o", "/dev/null", ("https://%s:%s/"):format(host, port) }, expect(done))
    end
    serve(function(port, stop)
      visit("127.0.0.2", port, function(status)
        assert.equal(7, status) -- not connected
        stop()
      end)
    end)
    serve(function(port, stop)
      visit("127.0.0.2", port, function(status)
        assert.equal(0, status)
        stop()
      end)
    end, "--host", "0.0.0.0")
  end)

  it("keeps the connection, and answers pipelined requests in order", function()
    serve(function(port, stop)
      local get = "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
      local requests = get:format("/hello.txt", "Range: bytes=0-4\r\n")
        .. get:format("/big.bin", "Range: bytes=0-99999\r\n") .. get:format("/hello.txt", "Connection: close\r\n")
      raw(port, requests, function(heard)
        local bodies, at = {}, 1
        while at <= #heard do
          local _, last, head = heard:find("^(HTTP/1.1 .-\r\n)\r\n", at)
          local length = tonumber(head:match "Content%-Length: (%d+)")
          bodies[#bodies + 1] = heard:sub(last + 1, last + length)
          at = last + length + 1
        end
        assert.equal(3, #bodies)
        assert.equal("hello", bodies[1])
        assert.is_true(bodies[2] == big:sub(1, 100000))
        assert.equal("hello world", bodies[3])
        stop()
      end)
    end)
  end)

  it("refuses what is no request, and closes", function()
    local cases = {
      { "hello\r\n\r\n", 400 }, { "GET / HTTP/1.1\r\n\r\n", 400 }, { "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
      { "GET / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n", 400 }, { "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
      { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 400 },
      { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello", 400 },
      { "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello", 400 },
      { "GET / HTTP/1.1\r\nHost: x \r\nConnection:\tclose \t\r\n\r\n", 200 },
      { "GET / HTTP/1.1\r\nX: " .. ("x"):rep(17000), 431 },
    }
    serve(function(port, stop)
      local function go(i)
        local case = cases[i]
        if not case then return stop() end
        raw(port, case[1], function(heard)
          assert.equal(tostring(case[2]), heard:match "^HTTP/1.1 (%d+) ")
          go(i + 1)
        end)
      end
      go(1)
    end)
  end)

  it("leaves a client that sends its head a byte now and then", function()
    serve(function(port, stop)
      local socket = tls.connect { port = tonumber(port), host = "localhost", ca = certs.ca.cert }
      local began, timer = uv.hrtime(), uv.new_timer()
      timer:start(0, 200, function()
        if not socket.destroyed then socket:write "G" end
      end)
      socket:on("error", function() end) -- a reset, maybe
      socket:resume()
      socket:on("close", expect(function()
        assert.is_true(uv.hrtime() - began > 5e9)
        timer:close()
        stop()
      end))
    end)
  end)

  it("closes the file of a client that goes away, and serves on", function()
    serve(function(port, stop, process)
      local function descriptors()
        local list, scan = 0, uv.fs_scandir("/proc/" .. process.handle:get_pid() .. "/fd")
        while uv.fs_scandir_next(scan) do list = list + 1 end
        return list
      end
      local before = descriptors()
      local socket = tls.connect { port = tonumber(port), host = "localhost", ca = certs.ca.cert }
      socket:once("data", expect(function()
        socket:pause()
        assert.is_true(descriptors() > before)
        socket:destroy()
        local timer = uv.new_timer()
        timer:start(10, 10, helper.wrap(function()
          if descriptors() > before then return end -- helper.run watches the time
          timer:close()
          stop()
        end))
      end))
      socket:write "GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"
    end)
  end)

  it("says how it is used", function()
    for _, words in ipairs { { "--port" }, { "--what", "x" }, { "--dir", "/nowhere" }, {},
      { "--cert", "/nowhere", "--key", "x" } } do
      child.spawn({ LUA, "examples/https_server.lua", (table.unpack or unpack)(words) }, expect(function(status, output)
        assert.equal(1, status)
        assert.matches("usage: https_server.lua", output)
      end))
    end
    helper.run()
  end)
end)
