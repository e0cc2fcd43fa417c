# Makes least_squares.csv. Run by hand:
#   Rscript tests/reference/least_squares.R > tests/reference/least_squares.csv
# Needs sandwich. Writes the data (6 digits) and, as comments, coefficients, HC3 errors
# (sandwich::vcovHC) and errors by leaving out one customer with all its rows (refitted).
suppressMessages(library(sandwich))
set.seed(8)
n <- 60
customer <- sort(sample(1:25, n, TRUE))
x <- round(rexp(n), 4); d <- as.integer(runif(n) < 0.3)
m <- round(4 + 0.6 * d + 0.3 * x + rnorm(n), 4)
y <- round(40 + 5 * m - 3 * d + 2 * x + (1 + x) * rnorm(n, 0, 4), 4)
data <- data.frame(customer, x, d, m, y)
fit <- lm(y ~ x + d + m, data)
hc3 <- sqrt(diag(vcovHC(fit, type = "HC3")))
ids <- unique(customer)
left <- sapply(ids, function(i) coef(fit) - coef(lm(y ~ x + d + m, data[customer != i, ])))
own <- sqrt(rowSums(left^2))
for (name in names(coef(fit)))
  cat(sprintf("# %s,%.15g,%.15g,%.15g\n", name, coef(fit)[name], hc3[name], own[name]))
write.csv(data, row.names = FALSE, quote = FALSE)
