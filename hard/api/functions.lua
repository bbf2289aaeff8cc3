-- Every function of the modules, each of its arguments.
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"
local uv = require "luv"

local key = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }

-- Arguments that a function works with, where odd ones are not enough to get far.
local GOOD = {
  ["tls.connect"] = { { port = 1, host = "127.0.0.1" }, function() end },
  ["tls.createServer"] = { key, function() end },
  ["tls.createSecureContext"] = { key },
  ["tls.createSecurePair"] = { nil, true, false, false, {} },
  ["tls.checkServerIdentity"] = { "localhost", { subject = { CN = "localhost" }, subjectaltname = "DNS:localhost" } },
  ["tls.X509Certificate"] = { certs.ecdsa.cert },
  ["tls.wrap"] = { function() end },
  ["tls.convertALPNProtocols"] = { { "a" }, {} },
  ["tls.getCACertificates"] = { "system" },
  ["tls.setDefaultCACertificates"] = { { certs.ca.cert } },
  ["net.createServer"] = { {}, function() end },
  ["net.connect"] = { { port = 1, host = "127.0.0.1" }, function() end },
  ["net.createConnection"] = { { port = 1, host = "127.0.0.1" }, function() end },
  ["net.bind"] = { { port = 0 } },
  ["net.isIP"] = { "1.2.3.4" }, ["net.isIPv4"] = { "1.2.3.4" }, ["net.isIPv6"] = { "::1" },
  ["net.setDefaultAutoSelectFamily"] = { true }, ["net.setDefaultAutoSelectFamilyAttemptTimeout"] = { 250 },
  ["tls.ocsp.verify"] = { certs.file "ecdsa.ocsp", certs.ecdsa.cert, certs.ca.cert, os.time() },
  ["tls.ocsp.staple"] = { tls.createServer(key), {} },
}

-- Nonsense that is taken, and why.
local TAKEN = {
  ["net.isIP"] = "as Node's: what is no text is no address", ["net.isIPv4"] = "the same", ["net.isIPv6"] = "the same",
}

local function sorted(map)
  local list = {}
  for name in pairs(map) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function is_callable(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(value) == "function" or type(meta) == "table" and meta.__call ~= nil
end

return function(run)
  local types = run.judge.read_types { "tls", "net", "ocsp" }
  uv.chdir(run.tmp)

  local function call(full, fn, i, value)
    local good, args = GOOD[full] or {}, {}
    for k = 1, 6 do args[k] = good[k] end
    args[i] = value[2]
    local ok, result = pcall(fn, args[1], args[2], args[3], args[4], args[5], args[6])
    tls.debug(false)
    if ok then run.hear(result) end
    run.turns()
    if type(result) == "userdata" and uv.is_closing and tostring(result):find "^uv_" then result:close() end
    if ok then run.dispose(result) end
    run.turns()
    if not ok then return run.judge.error(result) end
    local param = types[full] and types[full][i]
    if type(result) == "table" and rawget(result, "code") then return run.judge.error(result) end -- it is the answer
    if not param or types[full].overloads or TAKEN[full] then return nil end
    local taken = run.judge.is_nonsense(value[2], param.type, param.optional)
    return taken and ("%s is taken for %s (%s)"):format(value[1], param.name, param.type) or nil
  end

  for _, module in ipairs { { "tls", tls }, { "net", net }, { "tls.ocsp", tls.ocsp } } do
    for _, name in ipairs(sorted(module[2])) do
      local full, fn = module[1] .. "." .. name, module[2][name]
      if is_callable(fn) and full ~= "tls.debug" then
        for i = 1, 5 do
          for _, value in ipairs(run.values) do
            run.case(("%s #%d = %s"):format(full, i, value[1]), function() return call(full, fn, i, value) end)
          end
        end
      end
    end
  end
end
