-- docs/errors.md has every code that the sources can give, and none that nothing gives.
local helper = require "spec.helper"
local Child = require "spec.support.child"
local core = require "tls.core"
local errors = require "tls.support.errors"

local function text_of(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

--- The rows of the page's tables, by their section: { section, codes = {...}, cells = {...} }.
local function rows()
  local list, section = {}, nil
  for line in text_of("docs/errors.md"):gmatch "[^\n]+" do
    section = line:match "^###? (.*)" or section
    if line:find "^| `" then
      local row = { section = section, codes = {}, cells = {} }
      for cell in line:gsub("\\|", "/"):gmatch "|([^|]*)" do row.cells[#row.cells + 1] = cell:match "^ *(.-) *$" end
      row.cells[#row.cells] = nil -- behind the last bar
      for code in row.cells[1]:gmatch "`([^`]+)`" do row.codes[#row.codes + 1] = code end
      list[#list + 1] = row
    end
  end
  return list
end

--- A set of the page's codes.
local function documented()
  local set = {}
  for _, row in ipairs(rows()) do
    for _, code in ipairs(row.codes) do set[code] = true end
  end
  return set
end

local RESOLVER = {}
for name in ("AGAIN BADFLAGS FAIL FAMILY MEMORY NODATA NONAME OVERFLOW SERVICE SOCKTYPE"):gmatch "%u+" do
  RESOLVER["EAI_" .. name] = true
end

-- The system's errors by libuv's names, as the user gets them.
local function of_system(name)
  if RESOLVER[name] or core.errnos[name] then return errors.from_uv(name, "connect").code end
  return name == "ENOTFOUND" and name or nil
end

--- Calls found(code, path) for each code that stands in a source as a string of its own.
local function each_code_in_sources(found)
  local p = io.popen "LC_ALL=C ls lua/tls/*.lua lua/tls/*/*.lua csrc/*/*.[ch]"
  for path in p:lines() do
    local text = path:find "^lua/tls/types/" and "" or text_of(path)
    for word in text:gmatch '"([%u%d_/]+)"' do
      local code = word:find "^ERR_.*[^_]$" and word or of_system(word) or (word == "ABORT_ERR" or nil) and word
      if code then found(code, path) end
    end
  end
  p:close()
  -- verify_code.c: X(CERT_REVOKED), X(95, RPK_UNTRUSTED)
  for code in text_of("csrc/engine/verify_code.c"):gmatch "X%(%d*,? ?(%u[%u%d_]+)%)" do found(code, "verify_code.c") end
  found("UNSPECIFIED", "verify_code.c")
  for reason in text_of("csrc/engine/alert_names.c"):gmatch '"(%l[%l%d/]* [^"]+)"' do -- "tlsv1 alert unknown ca"
    found("ERR_SSL_" .. reason:upper():gsub(" ", "_"), "alert_names.c")
  end
end

-- What OpenSSL's number says: "error:0A0000C1:SSL routines::no shared cipher".
local LIBRARIES = { -- numbers of OpenSSL's, the word that codes have for them
  [4] = "RSA_", [5] = "DH_", [6] = "EVP_", [9] = "PEM_", [11] = "X509_", [13] = "ASN1_", [15] = "", [16] = "EC_",
  [20] = false, [32] = "BIO_", [35] = "PKCS12_", [44] = "", [57] = "", [60] = "",
}
local COMMON = 2 * 2 ^ 18 -- the flag of reasons that all libraries have

local function numbers()
  local list = {}
  for library in pairs(LIBRARIES) do
    for reason = 1, library == 20 and 1130 or 320 do
      list[#list + 1] = ("%X"):format(library * 2 ^ 23 + reason)
      if reason <= 320 then list[#list + 1] = ("%X"):format(library * 2 ^ 23 + COMMON + reason) end
    end
  end
  return list
end

--- A set of the codes that OpenSSL's own reasons make. Its releases call alerts by different names; a code has the
-- newest.
local function of_openssl()
  local command, known = { "openssl", "errstr" }, {}
  for _, number in ipairs(numbers()) do command[#command + 1] = number end
  Child.spawn(command, helper.expect(function(status, output)
    assert.equal(0, status)
    for number, reason in output:gmatch "error:(%x+):[^:\n]*:[^:\n]*:([^\n]+)" do
      local library = LIBRARIES[math.floor(tonumber(number, 16) / 2 ^ 23)]
      local code = reason:upper():gsub(" ", "_"):gsub("^SSLV3_ALERT_", "SSL/TLS_ALERT_")
      known[library and "ERR_OSSL_" .. library .. code or "ERR_SSL_" .. code] = true
      if library then known["ERR_OSSL_" .. code] = true end
    end
  end))
  helper.run()
  return known
end

describe("docs/errors.md", function()
  it("has every code that stands in the sources", function()
    local known, missing = documented(), {}
    each_code_in_sources(function(code, path)
      if not known[code] then missing[#missing + 1] = code .. " (" .. path .. ")" end
    end)
    assert.equal("", table.concat(missing, "\n"))
  end)

  it("has no code that nothing gives", function()
    local given, unknown = of_openssl(), {}
    each_code_in_sources(function(code) given[code] = true end)
    for code in pairs(documented()) do
      if not given[code] and not of_system(code) then unknown[#unknown + 1] = code end
    end
    table.sort(unknown)
    assert.equal("", table.concat(unknown, "\n"))
  end)

  it("has every code of OpenSSL's that a spec or the reference names", function()
    local known, missing = documented(), {}
    local p = io.popen "grep -rhoE 'ERR_(SSL|OSSL)_[A-Z0-9_/]+' spec examples docs README.md"
    for line in p:lines() do
      local code = line:gsub("^ERR_SSL_SSLV3_ALERT_", "ERR_SSL_SSL/TLS_ALERT_"):gsub("^ERR_SSL_TLS_ALERT_",
        "ERR_SSL_SSL/TLS_ALERT_")
      local whole = not code:find "_$"
      if whole and not known[code] and not missing[code] then missing[#missing + 1], missing[code] = code, true end
    end
    p:close()
    assert.equal("", table.concat(missing, "\n"))
  end)

  it("is in order, says of each code what it is, and each once", function()
    local seen, before = {}, nil
    for _, row in ipairs(rows()) do
      local first = row.section .. " " .. row.codes[1]
      assert.is_true(not before or before.section ~= row.section or before.codes[1] <= row.codes[1], first)
      before = row
      assert.equal(4, #row.cells, row.cells[1])
      assert.is_true(#row.codes > 0 and row.cells[2] ~= "", row.cells[1])
      for i, code in ipairs(row.codes) do
        local place = row.section .. " " .. code
        assert.is_true(not seen[place] or code == "ECONNRESET", place .. ", twice")
        assert.is_true(i == 1 or row.codes[i - 1] < code, "the order within a row: " .. code)
        seen[place] = true
      end
    end
  end)
end)
