# Counts the words of its first argument.
printf "%s" "$1" | wc -w
