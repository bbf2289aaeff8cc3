-- examples/virtual_hosts.lua with curl and openssl s_client, while its files change as certbot and others change them.
require "spec.helper"
local certs = require "spec.support.certs"
local command = require "spec.support.command"
local sh_run = require("spec.support.shell").run
local tasks = require "spec.support.tasks"
local co = require "tls.co"

local LUA = os.getenv "LUA" or "lua5.4"

local function sh(text, ...)
  text = text:format(...)
  local status, output = command.run { "sh", "-ec", text }
  assert.equal(0, status, text .. "\n" .. output)
end

local function fingerprint(name)
  local status, output = command.run { "openssl", "x509", "-in", certs[name].cert_file, "-noout", "-fingerprint",
    "-sha256" }
  assert.equal(0, status)
  return output:match "=(%S+)"
end

-- The fingerprint of the certificate that a name gets.
local function shown(port, name)
  local _, output = command.run { "sh", "-c", ("openssl s_client -connect 127.0.0.1:%s -servername %s </dev/null " ..
    "2>/dev/null | openssl x509 -noout -fingerprint -sha256"):format(port, name) }
  return output:match "=(%S+)" or output
end

local function curl(port, name)
  return command.run { "curl", "-sS", "--cacert", certs.ca.cert_file, "--connect-to",
    ("%s:%s:127.0.0.1:%s"):format(name, port, port), ("https://%s:%s/"):format(name, port) }
end

-- As certbot has it: links in live, files in archive.
local LIVE = [[
mkdir -p %s/live/localhost %s/live/wrong.example.test %s/archive
cd %s
cp $OLDPWD/%s archive/cert1; cp $OLDPWD/%s archive/key1
ln -s ../../archive/cert1 live/localhost/fullchain.pem; ln -s ../../archive/key1 live/localhost/privkey.pem
cp $OLDPWD/%s live/wrong.example.test/fullchain.pem; cp $OLDPWD/%s live/wrong.example.test/privkey.pem
]]

-- visitor(port, folder, server) in a task, with a server that looks for itself each `seconds`.
local function serve(seconds, visitor)
  local folder = os.tmpname()
  os.remove(folder)
  tasks.run(function()
    sh(LIVE, folder, folder, folder, folder, certs.rsa.cert_file, certs.rsa.key_file, certs.wrongname.cert_file,
      certs.wrongname.key_file)
    local server = command.start({ LUA, "examples/virtual_hosts.lua", "0", folder .. "/live", tostring(seconds) },
      "listening on port (%d+)")
    visitor(server.found, folder, server)
    server:stop()
    sh("rm -r %s", folder)
  end)
end

-- Waits until the server has reported `text` so many times.
local function reported(server, text, times)
  command.wait_for(function()
    local _, count = server.output:gsub(text, "")
    return count >= times
  end)
end

describe("examples/virtual_hosts.lua", function()
  it("has a certificate for each name, and none for others", function()
    serve(3600, function(port, _, server)
      for _, name in ipairs { "localhost", "wrong.example.test" } do
        assert.same({ 0, "this is " .. name .. "\n" }, { curl(port, name) })
      end
      assert.equal(fingerprint "rsa", shown(port, "LocalHost"))
      local status, output = curl(port, "other.example.test")
      assert.equal(35, status)
      assert.truthy(output:find("unrecognized name", 1, true), output)
      reported(server, "no such name: other.example.test\n", 1)
      assert.equal(35, (command.run { "curl", "-sSk", "https://127.0.0.1:" .. port })) -- sends no name
    end)
  end)

  it("takes links that are replaced, and connections that are there go on", function()
    serve(3600, function(port, folder, server)
      assert.equal(fingerprint "rsa", shown(port, "localhost"))
      local socket = assert(co.connect { host = "localhost", port = port, ca = certs.ca.cert })
      sh("cp %s %s/archive/cert2; cp %s %s/archive/key2; cd %s/live/localhost; rm privkey.pem; " ..
        "ln -s ../../archive/key2 privkey.pem; rm fullchain.pem; ln -s ../../archive/cert2 fullchain.pem",
        certs.ecdsa.cert_file, folder, certs.ecdsa.key_file, folder, folder)
      reported(server, "localhost: certificate loaded", 2)
      assert.equal(fingerprint "ecdsa", shown(port, "localhost"))
      assert.equal(fingerprint "wrongname", shown(port, "wrong.example.test"))
      socket:write "GET / HTTP/1.1\r\n\r\n"
      assert.truthy(socket:read "a":find "this is localhost\n$")
    end)
  end)

  it("takes files that are renamed into their place, and files behind links that are written", function()
    serve(1, function(port, folder, server)
      sh("for what in cert:fullchain:%s key:privkey:%s; do set -- $(echo $what | tr : ' '); cp $3 %s/live/new; " ..
        "mv %s/live/new %s/live/localhost/$2.pem; done", certs.ecdsa.cert_file, certs.ecdsa.key_file, folder, folder,
        folder)
      command.wait_for(function() return shown(port, "localhost") == fingerprint "ecdsa" end)
      sh("cd %s/live/localhost; ln -sf ../../archive/cert1 fullchain.pem; ln -sf ../../archive/key1 privkey.pem",
        folder)
      command.wait_for(function() return shown(port, "localhost") == fingerprint "rsa" end)
      local _, loaded = server.output:gsub("localhost: certificate loaded", "")
      sh("cat %s >%s/archive/cert1; cat %s >%s/archive/key1", certs.p384.cert_file, folder, certs.p384.key_file, folder)
      reported(server, "localhost: certificate loaded", loaded + 1)
      command.wait_for(function() return shown(port, "localhost") == fingerprint "p384" end)
    end)
  end)

  it("keeps the certificate from before where a new one cannot be used, and says so once", function()
    serve(3600, function(port, folder, server)
      for bad, problem in pairs {
        ["echo junk >new"] = "options.cert",
        ["cp $OLDPWD/" .. certs.ecdsa.cert_file .. " new"] = "give the key that the certificate was made for",
        ["openssl req -x509 -key privkey.pem -subj /CN=other -out new 2>&1"] = "the certificate is not for this name",
        ["ln -s nowhere new"] = "No such file",
      } do
        server.output = ""
        sh("cd %s/live/localhost; %s; mv -T new fullchain.pem", folder, bad)
        reported(server, "the one from before stays\n", 1)
        sh("touch %s/live/localhost/README", folder) -- it looks again
        co.sleep(500)
        local _, times = server.output:gsub("stays\n", "")
        assert.equal(1, times, server.output)
        assert.truthy(server.output:find(problem, 1, true), server.output)
        assert.equal(fingerprint "rsa", shown(port, "localhost"))
        sh("cd %s/live/localhost; ln -s ../../archive/cert1 new; mv -T new fullchain.pem", folder)
        reported(server, "localhost: certificate loaded", 1)
      end
    end)
  end)

  it("keeps the certificate where a file or the whole folder has gone, and takes what comes then", function()
    serve(1, function(port, folder, server)
      for _, gone in ipairs { "rm fullchain.pem", "rm privkey.pem", "mv -T ../localhost ../../away" } do
        server.output = ""
        sh("cd %s/live/localhost; %s", folder, gone)
        reported(server, "the one from before stays\n", 1)
        assert.truthy(server.output:find "No such file" or server.output:find "ENOENT", server.output)
        assert.equal(fingerprint "rsa", shown(port, "localhost"))
        sh("cd %s; rm -rf away; mkdir -p live/localhost; ln -sf ../../archive/cert1 live/localhost/fullchain.pem; " ..
          "ln -sf ../../archive/key1 live/localhost/privkey.pem", folder)
        reported(server, "localhost: certificate loaded", 1)
      end
      sh("cp %s %s/archive/cert1; cp %s %s/archive/key1", certs.ecdsa.cert_file, folder, certs.ecdsa.key_file, folder)
      command.wait_for(function() return shown(port, "localhost") == fingerprint "ecdsa" end)
    end)
  end)

  it("takes two names that change at once, and what changes again at once", function()
    serve(3600, function(port, folder, server)
      sh("cd %s; cp $OLDPWD/%s archive/cert2; cp $OLDPWD/%s archive/key2; cp $OLDPWD/%s archive/cert3; " ..
        "cp $OLDPWD/%s archive/key3; for n in 2 3 2 3 2; do " ..
        "ln -sfn ../../archive/cert$n live/localhost/fullchain.pem; " ..
        "ln -sfn ../../archive/key$n live/localhost/privkey.pem; touch live/wrong.example.test/privkey.pem; done; " ..
        "ln -sfn ../../archive/cert1 live/wrong.example.test/fullchain.pem", folder, certs.ecdsa.cert_file,
        certs.ecdsa.key_file, certs.p384.cert_file, certs.p384.key_file)
      reported(server, "wrong.example.test: [^\n]*the one from before stays\n", 1)
      command.wait_for(function() return shown(port, "localhost") == fingerprint "ecdsa" end)
      assert.equal(fingerprint "wrongname", shown(port, "wrong.example.test"))
    end)
  end)

  it("looks for itself where the system lets nobody watch", function()
    local limited = "echo 0 >/proc/sys/user/max_inotify_instances"
    if select(2, sh_run("unshare -U -r sh -c '" .. limited .. "' 2>&1")) ~= 0 then
      pending "skipped: this system has no user namespaces, in which watches can be forbidden"
    end
    tasks.run(function()
      local folder = os.tmpname()
      os.remove(folder)
      sh(LIVE, folder, folder, folder, folder, certs.rsa.cert_file, certs.rsa.key_file, certs.wrongname.cert_file,
        certs.wrongname.key_file)
      local server = command.start({ "sh", "-c", ("exec unshare -U -r sh -c '%s; exec %s examples/virtual_hosts.lua " ..
        "0 %s/live 1'"):format(limited, LUA, folder) }, "listening on port (%d+)")
      assert.truthy(server.output:find("localhost: cannot be watched, only looked at now and then: EMFILE", 1, true))
      assert.equal(fingerprint "rsa", shown(server.found, "localhost"))
      sh("cp %s %s/archive/cert1; cp %s %s/archive/key1", certs.ecdsa.cert_file, folder, certs.ecdsa.key_file, folder)
      command.wait_for(function() return shown(server.found, "localhost") == fingerprint "ecdsa" end)
      server:stop()
      sh("rm -r %s", folder)
    end)
  end)

  it("says how it is used, and what is wrong", function()
    tasks.run(function()
      for words, text in pairs {
        [""] = "usage: ", ["0"] = "usage: ", ["x docs"] = "usage: ", ["0 docs x"] = "usage: ", ["0 docs 0"] = "usage: ",
        ["0 /no/folder"] = "/no/folder", ["0 docs"] = "no NAME/fullchain.pem in docs",
      } do
        local status, output = command.run { "sh", "-c", LUA .. " examples/virtual_hosts.lua " .. words }
        assert.equal(1, status)
        assert.truthy(output:find(text, 1, true), output)
        assert.is_nil(output:find("traceback", 1, true), output)
      end
    end)
    serve(3600, function(_, folder)
      local status, output = command.run { LUA, "examples/virtual_hosts.lua", "99999", folder .. "/live" }
      assert.equal(1, status)
      assert.truthy(output:find("[ERR_SOCKET_BAD_PORT]", 1, true), output)
      assert.is_nil(output:find("traceback", 1, true), output)
    end)
  end)
end)
