# Makes adjustment.csv. Run by hand: Rscript tests/reference/adjustment.R > tests/reference/adjustment.csv
# Base R only. Writes the data (8 digits) and, as comments, the estimates on them: g-computation, Hajek
# weights, augmented weights; standard errors by the full jackknife (leave one customer out, refit both
# models), which knows nothing of influence functions.
set.seed(11)
n <- 160
x <- round(rnorm(n), 4); k <- factor(sample(c("a", "b", "c"), n, TRUE, c(.5, .3, .2)))
p <- plogis(-1 + 0.8 * x + 0.7 * (k == "b"))
d <- as.integer(runif(n) < p)
y <- round(10 + 3 * x - 2 * (k == "c") + d * (1 + x) + rexp(n, 1 / 3), 4)
data <- data.frame(y, d, x, k)
estimates <- function(s) {
  ps <- fitted(glm(d ~ x + k, binomial, s, control = list(epsilon = 1e-12)))
  m1 <- predict(lm(y ~ x + k, s[s$d == 1, ]), s); m0 <- predict(lm(y ~ x + k, s[s$d == 0, ]), s)
  t <- s$d; hajek <- function(v, w) sum(v * w) / sum(w)
  out <- c()
  for (target in c("treated", "all")) {
    q <- if (target == "treated") t else rep(1, nrow(s))
    w1 <- if (target == "treated") t else t / ps
    w0 <- if (target == "treated") (1 - t) * ps / (1 - ps) else (1 - t) / (1 - ps)
    ra <- hajek(m1, q) - hajek(m0, q)
    out[paste0("regression_", target)] <- ra
    out[paste0("ipw_", target)] <- hajek(s$y, w1) - hajek(s$y, w0)
    out[paste0("aipw_", target)] <- ra + hajek(s$y - m1, w1) - hajek(s$y - m0, w0)
  }
  out
}
e <- estimates(data)
left <- sapply(1:n, function(i) estimates(data[-i, ]))
se <- sqrt((n - 1) / n * rowSums((left - rowMeans(left))^2))
for (name in names(e)) cat(sprintf("# %s,%.15g,%.15g\n", name, e[name], se[name]))
write.csv(data, row.names = FALSE, quote = FALSE)
