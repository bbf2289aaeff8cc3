-- The Markdown processor that LDoc calls: discount, which has tables, without its typographic quotes.
local discount = require "discount"

local to_html = discount.to_html

return function(text)
  return (to_html(text, "nopants"):gsub("<table>", '<div class="scroll"><table>'):gsub("</table>", "</table></div>"))
end
