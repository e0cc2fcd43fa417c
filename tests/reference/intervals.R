# Makes intervals.csv. Run by hand: Rscript tests/reference/intervals.R > tests/reference/intervals.csv
# Base R only (t.test, prop.test); R 4.2.2 wrote the stored values.
treated <- c(12.5, 0, 3.2, 41, 7.7, 0, 18.9)
control <- c(5.1, 2.2, 9.4, 0, 1.3, 30.2, 4.4, 6.6, 2.9, 0.7, 11.8)
before <- c(4, 5, 3.5, 6, 2, 7, 5.5)
say <- function(name, value) cat(sprintf("%s,%.17g\n", name, value))
cat("name,value\n")
welch <- t.test(treated, control)
say("welch_low", welch$conf.int[1]); say("welch_high", welch$conf.int[2])
say("welch_p", welch$p.value)
say("welch_greater_than_minus_9", t.test(treated, control, mu = -9, alternative = "greater")$p.value)
say("welch_less_than_21", t.test(treated, control, mu = 21, alternative = "less")$p.value)
pair <- t.test(treated, before, paired = TRUE, conf.level = 0.9)
say("pair_low", pair$conf.int[1]); say("pair_high", pair$conf.int[2]); say("pair_p", pair$p.value)
# Newcombe's method 10 put together by hand from R's Wilson intervals.
newcombe <- function(a, n, b, m, level) {
  p <- a / n; q <- b / m
  x <- prop.test(a, n, correct = FALSE, conf.level = level)$conf.int
  y <- prop.test(b, m, correct = FALSE, conf.level = level)$conf.int
  c(p - q - sqrt((p - x[1])^2 + (y[2] - q)^2), p - q + sqrt((x[2] - p)^2 + (q - y[1])^2))
}
for (case in list(c(7, 34, 1, 34, 0.95), c(0, 16, 15, 72, 0.95), c(29, 31, 211, 260, 0.8))) {
  limits <- suppressWarnings(do.call(newcombe, as.list(case)))
  key <- paste(case[1:4], collapse = "_")
  say(paste0("newcombe_low_", key), limits[1]); say(paste0("newcombe_high_", key), limits[2])
}
