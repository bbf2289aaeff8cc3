# Fails when a function has more than 60 lines, a file more than 450, or the
# median of the functions' lengths is above 12, for C and for Lua each; prints
# the medians. A function's length is from its signature to its end.
FNR == 1 { inside = 0 }
FNR == 451 { print FILENAME ": more than 450 lines"; bad = 1 }
# In C a signature may take several lines; one that ends in ';' has no body.
FILENAME ~ /\.[ch]$/ && /^[a-z].*\(/ { inside = FNR; body = 0; language = "C" }
FILENAME ~ /\.[ch]$/ && /\{$/ { body = 1 }
FILENAME ~ /\.[ch]$/ && /;$/ && !body { inside = 0 }
FILENAME ~ /\.lua$/ && /^(local )?function / { inside = FNR; language = "Lua" }
/^(}|end)/ && inside {
  size = FNR - inside + 1
  count[language]++
  sizes[language, size]++
  if (size > 60) {
    print FILENAME ":" inside ": a function of " size " lines"
    bad = 1
  }
  inside = 0
}
# A short function of Lua's may end in the line that it begins in.
/^(local )?function .* end$/ && inside { count["Lua"]++; sizes["Lua", 1]++; inside = 0 }
END {
  for (language in count) {
    seen = median = 0
    while (seen * 2 < count[language]) seen += sizes[language, ++median]
    print language ": " count[language] " functions, median of " median " lines"
    if (median > 12) bad = 1
  }
  exit bad
}
