-- What sslscan and testssl.sh say of a server with a certificate and nothing else, that is of our defaults. They are
-- Debian's packages sslscan and testssl.sh, or unpacked in build/tools.
package.path = package.path .. ";./?.lua"
local co = require "tls.co"
local uv = require "luv"
local Process = require "hard.floods.process"
local certs = require "spec.support.certs"
local new_row = require "hard.row"

local TOOLS = uv.cwd() .. "/build/tools"
local REPORT = (os.getenv "TLS_BUILD" or "build") .. "/hard/testssl.json"

local function find(...)
  for _, name in ipairs { ... } do
    local pipe = io.popen(("PATH=\"$PATH:%s/usr/bin\" command -v %s"):format(TOOLS, name))
    local path = pipe:read "*l"
    pipe:close()
    if path then return path end
  end
end

-- What each line of sslscan's has to be: a pattern that is there, or with `not` in front one that is not.
local EXPECTED = {
  "SSLv2%s+disabled", "SSLv3%s+disabled", "TLSv1%.0%s+disabled", "TLSv1%.1%s+disabled", "TLSv1%.2%s+enabled",
  "TLSv1%.3%s+enabled", "supports TLS Fallback SCSV", "TLSv1%.2 not vulnerable to heartbleed",
  "TLSv1%.3 not vulnerable to heartbleed", "not Insecure session renegotiation", "not Compression enabled",
  "not Accepted[^\n]* %d%d bits", "not Accepted[^\n]*NULL", "not Accepted[^\n]*RC4", "not Accepted[^\n]*DES",
  "not Accepted[^\n]*EXP", "not Accepted[^\n]*MD5", "not Accepted[^\n]*anon", "not Accepted[^\n]*ADH",
  "not TLSv1%.2[^\n]* bits  AES", -- without forward secrecy
}

local function sslscan(program, port)
  local row = new_row.new("sslscan: versions, ciphers, renegotiation, compression, Heartbleed", true)
  local _, output = Process.start({ program, "--no-colour", "127.0.0.1:" .. port }):finish()
  for _, pattern in ipairs(EXPECTED) do
    local wanted = not pattern:find "^not "
    if row:takes() then
      local there = output:find((pattern:gsub("^not ", ""))) ~= nil
      if there == wanted then row:held() else row:broke(pattern, output) end
    end
  end
  row:finish(output:match "^[^\n]*(Version:[^\n]*)")
end

-- How bad a finding of testssl.sh's may be. Above that are faults, but for these: the certificate is of a CA of the
-- test's, for 30 days, and says nothing about revocation; and clients may renegotiate, three times in ten minutes
-- (tls.CLIENT_RENEG_LIMIT), of which testssl.sh tries one.
local HARMLESS = { OK = true, INFO = true, LOW = true, DEBUG = true, WARN = true }
local EXPECTED_FINDINGS = { cert_revocation = true, cert_trust = true, cert_chain_of_trust = true,
  cert_expirationStatus = true, cert_notAfter = true, secure_client_renego = true }

local function testssl(program, port)
  local row = new_row.new("testssl.sh: protocols, ciphers, server defaults, vulnerabilities", true)
  os.remove(REPORT)
  local is_ours = program:sub(1, #TOOLS) == TOOLS
  local environment = is_ours and ("TESTSSL_INSTALL_DIR=%s/etc/testssl"):format(TOOLS) or "SCAN=1"
  local scan = Process.start { "env", environment, program, "--quiet", "--color", "0", "--warnings", "batch", "--ip",
    "127.0.0.1", "--add-ca", certs.ca.cert_file, "--jsonfile", REPORT, "-p", "-S", "-E", "-U", "localhost:" .. port }
  scan:close_input()
  local _, output = scan:finish()
  local file, findings = io.open(REPORT), 0
  local text = file and file:read "*a" or ""
  if file then file:close() end
  local value = '%s*:%s*"([^"]*)"'
  local pattern = '"id"' .. value .. '.-"severity"' .. value .. '.-"finding"' .. value
  for id, severity, finding in text:gmatch(pattern) do
    findings = findings + 1
    if row:takes() then
      if HARMLESS[severity] or EXPECTED_FINDINGS[id:match "^[%w_]+"] then
        row:held()
      else
        row:broke(id, severity .. ": " .. finding)
      end
    end
  end
  if findings < 20 then row:broke("testssl.sh", "it has said too little: " .. output:sub(-1000)) end
  row:finish "nothing MEDIUM, HIGH or CRITICAL but the test's certificate, and the three renegotiations of a client"
end

co.run(function()
  local server = Process.lua { "server.lua", "none", 30000 }
  local port = server:line "PORT (%d+)\n"
  local program = find "sslscan"
  if program then sslscan(program, port) else new_row.absent "sslscan" end
  program = find("testssl", "testssl.sh")
  if program then testssl(program, port) else new_row.absent "testssl.sh" end
  server:say "stop"
  if server:finish() ~= 0 then new_row.new("scan"):broke("server", server.child.output) end
end)
uv.run()
new_row.exit()
