--- Internal. The options of the methods of X509Certificates.
-- @module tls.options.x509_certificate

local declare = require "tls.options.declaration"
local kinds = require "tls.options.kinds"

local subject = {
  { "subject", kinds.word({ "default", "always", "never" }), default = "default",
    text = "whether the subject's name counts: if there is no alternative name of the kind, always, or never" },
}

local wildcards = {
  { "wildcards", kinds.boolean, default = true, text = "`*` in a name of the certificate's means something" },
  { "partialWildcards", kinds.boolean, default = true, text = "`*` may be a part of a label: `w*.example.org`" },
  { "multiLabelWildcards", kinds.boolean, default = false, text = "`*` may stand for several labels" },
  { "singleLabelSubdomains", kinds.boolean, default = false,
    text = "a name that begins with a dot means the labels that are one deeper, not all below" },
}

return {
  host = declare {
    name = "certificate:checkHost", class = "tls.CheckHostOptions", groups = { subject, wildcards },
  },
  email = declare {
    name = "certificate:checkEmail", class = "tls.CheckEmailOptions", groups = { subject },
  },
}
