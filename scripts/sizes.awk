# Sizes with teeth: a function of at most 70 lines, a file of at most 700.
FNR == 1 { inside = 0 }
FNR == 701 { print FILENAME ": more than 700 lines"; bad = 1 }
# In C a signature may take several lines; one that ends in ';' has no body.
FILENAME ~ /\.[ch]$/ && /^[a-z].*\(/ { inside = FNR; body = 0 }
FILENAME ~ /\.[ch]$/ && /\{$/ { body = 1 }
FILENAME ~ /\.[ch]$/ && /;$/ && !body { inside = 0 }
FILENAME ~ /\.lua$/ && /^(local )?function / { inside = FNR }
/^(}|end)/ && inside {
  if (FNR - inside + 1 > 70) {
    print FILENAME ":" inside ": a function of " FNR - inside + 1 " lines"
    bad = 1
  }
  inside = 0
}
END { exit bad }
