# Makes share_ratios.csv: Rscript tests/reference/share_ratios.R > tests/reference/share_ratios.csv
# Lower limits of Miettinen and Nurminen's 95 % interval for a ratio of two shares, for
# all tables of up to 12 by 12: rows are the numerator's yes/all, columns the
# denominator's. The upper limit is one over the lower limit of the table turned round.
# Base R only, R 4.2.2. The shares under a given ratio are the root of the derivative of
# the likelihood, found by uniroot (not the quadratic's closed form); the limit is a
# root in the logarithm of the ratio, found by uniroot again.
fitted <- function(ratio, x1, n1, x0, n0) {
  top <- min(1, 1 / ratio)
  slope <- function(p) {
    (x1 + x0) / p - (if (x1 < n1) (n1 - x1) * ratio / (1 - ratio * p) else 0) -
      (if (x0 < n0) (n0 - x0) / (1 - p) else 0)
  }
  if (x1 + x0 == 0) return(0)
  # Nothing that vanishes at the top: the likelihood rises all the way.
  falls <- (x1 < n1 && top * ratio > 1 - 1e-15) || (x0 < n0 && top == 1)
  end <- if (falls) top * (1 - 1e-15) else top
  if (slope(end) >= 0) return(top)
  uniroot(slope, c(1e-300, end), tol = 1e-17, maxiter = 10000)$root
}
statistic <- function(ratio, x1, n1, x0, n0) {
  p0 <- fitted(ratio, x1, n1, x0, n0)
  p1 <- ratio * p0
  n <- n1 + n0
  v <- (p1 * (1 - p1) / n1 + ratio^2 * p0 * (1 - p0) / n0) * n / (n - 1)
  (x1 / n1 - ratio * x0 / n0) / sqrt(v)
}
lower <- function(x1, n1, x0, n0, z = qnorm(0.975)) {
  if (x1 == 0) return(0)
  high <- if (x0 > 0) log((x1 / n1) / (x0 / n0)) - 1e-9 else 25
  uniroot(function(s) statistic(exp(s), x1, n1, x0, n0) - z, c(-25, high),
          tol = 1e-13, maxiter = 10000)$root |> exp()
}
groups <- do.call(rbind, lapply(1:12, function(n) cbind(0:n, n)))
names <- paste(groups[, 1], groups[, 2], sep = "/")
cat("share", names, sep = ","); cat("\n")
for (i in seq_len(nrow(groups))) {
  row <- sapply(seq_len(nrow(groups)), function(j)
    lower(groups[i, 1], groups[i, 2], groups[j, 1], groups[j, 2]))
  cat(names[i], sprintf("%.10g", row), sep = ","); cat("\n")
}
