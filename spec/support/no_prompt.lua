-- Run by no_prompt_spec: blocks of PEM that say of themselves that they are encrypted, in the options with credentials.
-- Prints what becomes of each. Certificates: TLS_CERTS is a folder.
local program = require "spec.support.program"
local core, tls = require "tls.core", require "tls"

local BODY = program.read("rsa.crt"):match "%-\n(.-)%-%-%-%-%-END"

local function encrypted(label)
  local header = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
  return ("-----BEGIN %s-----\n%s%s-----END %s-----\n"):format(label, header, BODY, label)
end

local function try(option, text)
  local ok, err = pcall(tls.createSecureContext, { [option] = text })
  print(option .. ": " .. (ok and "taken" or err.code and "refused" or tostring(err)))
end

try("ca", encrypted "CERTIFICATE")
try("cert", encrypted "CERTIFICATE")
try("crl", encrypted "X509 CRL")
try("key", encrypted "RSA PRIVATE KEY")
if core.rawPublicKeys then
  try("peerPublicKeys", encrypted "PUBLIC KEY")
  try("peerPublicKeys", tls.X509Certificate(program.read "rsa.crt").publicKey .. encrypted "PUBLIC KEY")
end
if core.canEch then try("echKeys", encrypted "RSA PRIVATE KEY" .. encrypted "ECHCONFIG") end
